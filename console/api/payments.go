package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

// PaymentPath is the path of one payment.
type PaymentPath struct {
	ID int64 `path:"id" minimum:"1" example:"311" doc:"Id of the payment."`
}

type paymentOutput struct{ Body console.PaymentView }

type receiptOutput struct{ Body console.ReceiptView }

func (s *server) paymentRoutes() {
	huma.Register(s.document, operation(tagPayments, http.MethodGet, "/payments", "list-payments", "List payments",
		"Of all accounts, newest first. status=unallocated lists the money that belongs to nobody yet, each with the reason.", console.ScopeRead),
		s.listPayments)
	enter := operation(tagPayments, http.MethodPost, "/payments", "enter-payment", "Enter a payment",
		"Cash or a bank transfer that staff took. With a subscriber it is applied to the account at once: 202 with the action. Without one it waits to be "+
			"allocated: 201.", console.ScopePayments)
	enter.DefaultStatus = http.StatusAccepted
	enter.Responses = map[string]*huma.Response{
		"201": response[console.EnteredPayment](s, "Stored; no account was touched."),
		"202": response[console.EnteredPayment](s, "Accepted; follow the action."),
	}
	huma.Register(s.document, enter, s.enterPayment)
	huma.Register(s.document, operation(tagPayments, http.MethodGet, "/payments/{id}", "get-payment", "Show a payment",
		"Who paid what, when, and whose it is.", console.ScopeRead), s.getPayment)
	receipt := operation(tagPayments, http.MethodGet, "/payments/{id}/receipt", "get-receipt", "Show the receipt of a payment",
		"What to print or send to the customer. Refused with 409 for money that is nobody's, or was reversed.", console.ScopeRead)
	receipt.Errors = append(receipt.Errors, http.StatusConflict)
	huma.Register(s.document, receipt, s.getReceipt)
	huma.Register(s.document, acceptedOnly(tagPayments, http.MethodPost, "/payments/{id}/allocate", "allocate-payment", "Give a payment to an account",
		"It is applied at once, as if it had come in with the right account number.", console.ScopePayments), s.allocate)
	huma.Register(s.document, acceptedOnly(tagPayments, http.MethodPost, "/payments/{id}/unallocate", "unallocate-payment", "Take a payment back from its account",
		"The time that it bought is taken back too, and the payment waits to be allocated again.", console.ScopePayments), s.unallocate)
	huma.Register(s.document, acceptedOnly(tagPayments, http.MethodPost, "/payments/{id}/split", "split-payment", "Split a payment",
		"Makes several payments of one that is unallocated, and gives each at once to its account; one may stay unallocated. They add up to it, and it is "+
			"counted no more: its status is split. Answers with the parts in their order, each with its action to follow.", console.ScopePayments), s.split)
	suggest := operation(tagPayments, http.MethodGet, "/payments/{id}/suggestions", "suggest-accounts", "Suggest whose a payment is",
		"For an unallocated payment: up to five accounts, the likeliest first, each with what speaks for it. Refused with 409 for any other.",
		console.ScopeRead, console.ScopePayments)
	suggest.Errors = append(suggest.Errors, http.StatusConflict)
	huma.Register(s.document, suggest, s.suggest)
	reverse := acceptedOnly(tagPayments, http.MethodPost, "/payments/{id}/reverse", "reverse-payment", "Reverse a payment",
		"For good, because the provider took the money back or it was never paid. An account that had it loses what it bought: 202 with the action. "+
			"A payment that was unallocated is reversed at once: 200.", console.ScopePayments)
	reverse.Responses = map[string]*huma.Response{
		"200": response[console.EnteredPayment](s, "Reversed; no account was touched."),
		"202": response[console.EnteredPayment](s, "Accepted; follow the action."),
	}
	huma.Register(s.document, reverse, s.reverse)
}

type paymentsInput struct {
	Status string `query:"status" enum:"unallocated,credited,reversed,split" example:"unallocated"`
	Q      string `query:"q" maxLength:"200" example:"SKL7X2M4QP" doc:"A receipt number, or the account as the payer typed it."`
	Paged
}

func (s *server) listPayments(ctx context.Context, in *paymentsInput) (*page[console.PaymentView], error) {
	list, err := s.Service.Payments(ctx, console.PaymentQuery{Status: in.Status, Q: in.Q, Cursor: in.Page, Limit: in.Limit})
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return listed(list), nil
}

func (s *server) getPayment(ctx context.Context, in *PaymentPath) (*paymentOutput, error) {
	view, err := s.Service.Payment(ctx, in.ID)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return &paymentOutput{view}, nil
}

func (s *server) getReceipt(ctx context.Context, in *PaymentPath) (*receiptOutput, error) {
	view, err := s.Service.Receipt(ctx, in.ID)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return &receiptOutput{view}, nil
}

type newPaymentInput struct {
	Keyed
	Body console.NewPayment
}

func (s *server) enterPayment(ctx context.Context, in *newPaymentInput) (*accepted, error) {
	entered, err := s.Service.EnterPayment(ctx, by(ctx), in.Body)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	if entered.Action == nil {
		return &accepted{Status: http.StatusCreated, Location: fmt.Sprintf("%s/payments/%d", Prefix, entered.Payment.ID), Body: entered}, nil
	}
	return &accepted{Status: http.StatusAccepted, Location: follow(ctx, entered.Action.ID), Body: entered}, nil
}

type allocateInput struct {
	PaymentPath
	Keyed
	Body struct {
		Subscriber string `json:"subscriber" minLength:"1" maxLength:"64" example:"ACC-0042" doc:"Account number or id."`
	}
}

func (s *server) allocate(ctx context.Context, in *allocateInput) (*given, error) {
	view, err := s.Service.Allocate(ctx, by(ctx), in.ID, in.Body.Subscriber)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	return &given{Location: follow(ctx, view.ID), Body: console.Given{ActionView: view}}, nil
}

type splitInput struct {
	PaymentPath
	Keyed
	Body struct {
		Parts []console.SplitPart `json:"parts" minItems:"2" maxItems:"20" nullable:"false" doc:"They add up to the payment."`
	}
}

func (s *server) split(ctx context.Context, in *splitInput) (*page[console.EnteredPayment], error) {
	parts, err := s.Service.Split(ctx, by(ctx), in.ID, in.Body.Parts)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	return whole(parts), nil
}

func (s *server) suggest(ctx context.Context, in *PaymentPath) (*page[console.Suggestion], error) {
	list, err := s.Service.Suggestions(ctx, in.ID)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return whole(list), nil
}

type reasonInput struct {
	PaymentPath
	Keyed
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"500" example:"Paid for the wrong account" doc:"For the history."`
	}
}

func (s *server) unallocate(ctx context.Context, in *reasonInput) (*given, error) {
	view, err := s.Service.Unallocate(ctx, by(ctx), in.ID, in.Body.Reason)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	return &given{Location: follow(ctx, view.ID), Body: console.Given{ActionView: view}}, nil
}

func (s *server) reverse(ctx context.Context, in *reasonInput) (*accepted, error) {
	done, err := s.Service.ReversePayment(ctx, by(ctx), in.ID, in.Body.Reason)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	if done.Action == nil {
		return &accepted{Status: http.StatusOK, Body: done}, nil
	}
	return &accepted{Status: http.StatusAccepted, Location: follow(ctx, done.Action.ID), Body: done}, nil
}
