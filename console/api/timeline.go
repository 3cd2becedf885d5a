package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

func (s *server) timelineRoutes() {
	huma.Register(s.document, operation(tagHistory, http.MethodGet, "/subscribers/{id}/timeline", "list-timeline", "Show everything that happened to an account",
		"One axis of time, newest first: what people and the clock did to the account, the webhooks that told of its payments, the routers' "+
			"confirmations of each action and what they have not confirmed yet, and when the customer went online and offline.", console.ScopeRead),
		s.listTimeline)
}

type timelineInput struct {
	AccountPath
	Show string `query:"show" enum:"payments,actions,line,notes" example:"line" doc:"payments: money and the webhooks that told of it. actions: what was done to the account, and the routers' answers. line: online, offline, and the routers' answers. notes: what staff wrote."`
	Paged
}

func (s *server) listTimeline(ctx context.Context, in *timelineInput) (*page[console.EventView], error) {
	list, err := s.Service.Timeline(ctx, in.ID, console.TimelineQuery{Show: in.Show, Cursor: in.Page, Limit: in.Limit})
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return listed(list), nil
}
