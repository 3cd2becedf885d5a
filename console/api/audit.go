package api

import (
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

func (s *server) auditRoutes() {
	audit := operation(tagAdmin, http.MethodGet, "/audit", "list-audit", "Read the audit log",
		"What was done to accounts and settings, by whom and from where, newest first. As CSV it is the whole log, with times in the provider's zone.",
		console.ScopeAudit)
	sheet[console.AuditView](s, &audit)
	huma.Register(s.document, audit, s.listAudit)
}

type auditInput struct {
	Actor string `query:"actor" maxLength:"200" example:"token call-centre" doc:"Only what this actor did."`
	Exported
	Paged
}

func (s *server) listAudit(ctx context.Context, in *auditInput) (*huma.StreamResponse, error) {
	query := console.AuditQuery{Kinds: in.Kinds, Actor: in.Actor, Cursor: in.Page, Limit: in.Limit}
	if in.asCSV() {
		return s.csv(ctx, "audit.csv", func(w io.Writer) error {
			return s.Service.AuditCSV(ctx, query, w)
		}), nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	list, err := s.Service.Audit(ctx, query)
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return asJSON(s, list), nil
}
