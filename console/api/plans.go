package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

// NamePath is the path of a plan, router, payment source or token.
type NamePath struct {
	Name string `path:"name" maxLength:"300" example:"Home 10" doc:"Its name, percent-encoded."`
}

// archivedToo is the query of the lists whose things are archived and not removed.
type archivedToo struct {
	Archived bool `query:"archived" example:"false" doc:"Also those that are archived."`
}

// made is the answer to the creation of something that has a name.
type made[T any] struct {
	Location string `header:"Location" example:"/api/v1/plans/Home%2010" doc:"The new thing."`
	Body     T
}

func address(list, name string) string { return Prefix + "/" + list + "/" + url.PathEscape(name) }

type planOutput struct{ Body console.PlanView }

func (s *server) planRoutes() {
	huma.Register(s.document, operation(tagPlans, http.MethodGet, "/plans", "list-plans", "List plans", "By name.", console.ScopeRead), s.listPlans)
	add := operation(tagPlans, http.MethodPost, "/plans", "add-plan", "Add a plan", "It can be chosen from now on.", console.ScopeSettings)
	add.DefaultStatus = http.StatusCreated
	huma.Register(s.document, add, s.addPlan)
	huma.Register(s.document, operation(tagPlans, http.MethodGet, "/plans/{name}", "get-plan", "Show a plan", "Also an archived one.", console.ScopeRead),
		s.getPlan)
	huma.Register(s.document, operation(tagPlans, http.MethodPatch, "/plans/{name}", "change-plan", "Change a plan",
		"Only the fields that are sent change. Rate, pool and what happens at expiry reach everybody who has the plan at once; price and duration count "+
			"from each one's next renewal.", console.ScopeSettings), s.changePlan)
	huma.Register(s.document, operation(tagPlans, http.MethodDelete, "/plans/{name}", "archive-plan", "Archive a plan",
		"It can be chosen no more; who has it keeps it.", console.ScopeSettings), s.archivePlan)
}

func (s *server) listPlans(ctx context.Context, in *archivedToo) (*page[console.PlanView], error) {
	list, err := s.Service.Plans(ctx, in.Archived)
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return whole(list), nil
}

func (s *server) getPlan(ctx context.Context, in *NamePath) (*planOutput, error) {
	view, err := s.Service.Plan(ctx, in.Name)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return &planOutput{view}, nil
}

type newPlanInput struct {
	Keyed
	Body console.NewPlan
}

func (s *server) addPlan(ctx context.Context, in *newPlanInput) (*made[console.PlanView], error) {
	view, err := s.Service.AddPlan(ctx, by(ctx), in.Body)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	return &made[console.PlanView]{address("plans", view.Name), view}, nil
}

type planChangeInput struct {
	NamePath
	Keyed
	Body console.PlanChange
}

func (s *server) changePlan(ctx context.Context, in *planChangeInput) (*planOutput, error) {
	view, err := s.Service.ChangePlan(ctx, by(ctx), in.Name, in.Body)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	return &planOutput{view}, nil
}

// endInput asks to archive or remove something that has a name.
type endInput struct {
	NamePath
	Keyed
}

func (s *server) archivePlan(ctx context.Context, in *endInput) (*planOutput, error) {
	view, err := s.Service.ArchivePlan(ctx, by(ctx), in.Name)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return &planOutput{view}, nil
}
