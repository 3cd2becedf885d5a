package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

// DeliveryPath is the path of one webhook.
type DeliveryPath struct {
	ID int64 `path:"id" minimum:"1" example:"90210" doc:"Id of the delivery."`
}

type deliveryOutput struct{ Body console.DeliveryView }

func (s *server) deliveryRoutes() {
	may := []console.Scope{console.ScopeOps, console.ScopeAdmin}
	huma.Register(s.document, operation(tagSources, http.MethodGet, "/deliveries", "list-deliveries", "List deliveries",
		"The webhooks that were taken in, newest first, and what became of each.", may...), s.listDeliveries)
	huma.Register(s.document, operation(tagSources, http.MethodGet, "/deliveries/{id}", "get-delivery", "Show a delivery",
		"One webhook. Its body, which names people, is shown only to a token with the scope admin.", may...), s.getDelivery)
	huma.Register(s.document, operation(tagSources, http.MethodPost, "/deliveries/{id}/retry", "retry-delivery", "Process a delivery again",
		"One that failed or was ignored, after what stood in its way was mended. A payment that was booked meanwhile is not booked again. Refused with 409 when "+
			"there is nothing to be done again.", may...), s.retryDelivery)
}

type deliveriesInput struct {
	Source string `query:"source" maxLength:"100" example:"M-Pesa 600100" doc:"Only those of this payment source."`
	State  string `query:"state" enum:"received,processed,ignored,failed" example:"failed"`
	Paged
}

func (s *server) listDeliveries(ctx context.Context, in *deliveriesInput) (*page[console.DeliveryView], error) {
	list, err := s.Service.Deliveries(ctx, console.DeliveryQuery{Source: in.Source, State: in.State, Cursor: in.Page, Limit: in.Limit})
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return listed(list), nil
}

func (s *server) getDelivery(ctx context.Context, in *DeliveryPath) (*deliveryOutput, error) {
	view, err := s.Service.Delivery(ctx, in.ID)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	if !callOf(ctx).caller.May(console.ScopeAdmin) {
		view.Body = ""
	}
	return &deliveryOutput{view}, nil
}

type retryDeliveryInput struct {
	DeliveryPath
	Keyed
}

func (s *server) retryDelivery(ctx context.Context, in *retryDeliveryInput) (*deliveryOutput, error) {
	if err := s.Service.RetryDelivery(ctx, by(ctx), in.ID); err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return s.getDelivery(ctx, &in.DeliveryPath)
}
