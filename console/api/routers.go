package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

type routerOutput struct{ Body console.RouterView }

type reportOutput struct{ Body console.RouterReport }

func (s *server) routerRoutes() {
	huma.Register(s.document, operation(tagRouters, http.MethodGet, "/routers", "list-routers", "List routers", "By name, with their health.", console.ScopeRead),
		s.listRouters)
	add := operation(tagRouters, http.MethodPost, "/routers", "add-router", "Add a router", "Its secrets are stored sealed, and never shown.", console.ScopeSettings)
	add.DefaultStatus = http.StatusCreated
	huma.Register(s.document, add, s.addRouter)
	huma.Register(s.document, operation(tagRouters, http.MethodGet, "/routers/{name}", "get-router", "Show a router", "With its health.", console.ScopeRead),
		s.getRouter)
	huma.Register(s.document, operation(tagRouters, http.MethodPatch, "/routers/{name}", "change-router", "Change a router",
		"Only the fields that are sent change. A change of mode or address makes everything on it be written and looked at again.", console.ScopeSettings),
		s.changeRouter)
	huma.Register(s.document, operation(tagRouters, http.MethodDelete, "/routers/{name}", "remove-router", "Remove a router",
		"Refused with 409 while subscribers are on it, or while it has not confirmed that old credentials are gone.", console.ScopeSettings), s.removeRouter)
	huma.Register(s.document, operation(tagRouters, http.MethodPost, "/routers/{name}/check", "check-router", "Check a router",
		"Looks at the router itself and tells what is wrong with its set-up. One that does not answer is a report too.", console.ScopeSettings), s.checkRouter)
	huma.Register(s.document, operation(tagRouters, http.MethodPost, "/routers/{name}/retry", "retry-router", "Try a router at once",
		"After a repair: the workers do not wait for the time at which they would try it again.", console.ScopeOps, console.ScopeSettings), s.retryRouter)
}

func (s *server) listRouters(ctx context.Context, _ *struct{}) (*page[console.RouterView], error) {
	list, err := s.Service.Routers(ctx)
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return whole(list), nil
}

func (s *server) getRouter(ctx context.Context, in *NamePath) (*routerOutput, error) {
	view, err := s.Service.Router(ctx, in.Name)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return &routerOutput{view}, nil
}

type newRouterInput struct {
	Keyed
	Body console.NewRouter
}

func (s *server) addRouter(ctx context.Context, in *newRouterInput) (*made[console.RouterView], error) {
	view, err := s.Service.AddRouter(ctx, by(ctx), in.Body)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	return &made[console.RouterView]{address("routers", view.Name), view}, nil
}

type routerChangeInput struct {
	NamePath
	Keyed
	Body console.RouterChange
}

func (s *server) changeRouter(ctx context.Context, in *routerChangeInput) (*routerOutput, error) {
	view, err := s.Service.ChangeRouter(ctx, by(ctx), in.Name, in.Body)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	return &routerOutput{view}, nil
}

func (s *server) removeRouter(ctx context.Context, in *endInput) (*struct{}, error) {
	if err := s.Service.RemoveRouter(ctx, by(ctx), in.Name); err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return nil, nil
}

func (s *server) checkRouter(ctx context.Context, in *endInput) (*reportOutput, error) {
	report, err := s.Service.CheckRouter(ctx, in.Name)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	if report.Problems == nil {
		report.Problems = []string{}
	}
	return &reportOutput{report}, nil
}

func (s *server) retryRouter(ctx context.Context, in *endInput) (*routerOutput, error) {
	view, err := s.Service.TryRouterNow(ctx, by(ctx), in.Name)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return &routerOutput{view}, nil
}
