package api

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

// AccountPath is the path of everything about one subscriber.
type AccountPath struct {
	ID string `path:"id" maxLength:"64" example:"ACC-0042" doc:"Account number, with or without dashes and in any case, or id."`
}

// profile is the answer that shows one subscriber.
type profile struct {
	ETag string `header:"ETag" example:"W/\"7\"" doc:"Made of the revision; send it back as If-Match with a PATCH."`
	Body console.SubscriberView
}

func (s *server) subscriberRoutes() {
	huma.Register(s.document, operation(tagSubscribers, http.MethodGet, "/subscribers", "list-subscribers", "Find subscribers",
		"By name (parts in any order, accents and case ignored), phone as anyone types it, account number, PPPoE user name, e-mail or the receipt "+
			"number of a payment. Without q: all of them.", console.ScopeRead), s.findSubscribers)
	add := operation(tagSubscribers, http.MethodPost, "/subscribers", "add-subscriber", "Add a subscriber",
		"The customer can dial as soon as a payment has come in, or at once until paid_until. A password that Qserve made is in this answer only.",
		console.ScopeSubscribers)
	add.DefaultStatus = http.StatusCreated
	huma.Register(s.document, add, s.addSubscriber)
	huma.Register(s.document, operation(tagSubscribers, http.MethodGet, "/subscribers/{id}", "get-subscriber", "Show a subscriber",
		"Contact details, package, status with its reason, remaining time, balance, and whether the customer is online.", console.ScopeRead),
		s.getSubscriber)
}

type findInput struct {
	Q        string `query:"q" maxLength:"200" example:"amina 0712" doc:"What to look for; several words must all be found."`
	Status   string `query:"status" enum:"active,grace,expired,suspended" example:"expired"`
	Plan     string `query:"plan" maxLength:"100" example:"Home 10" doc:"Name of the current plan."`
	Router   string `query:"router" maxLength:"100" example:"Ngong" doc:"Name of the router."`
	Expiring int    `query:"expiring_within" minimum:"1" maximum:"3650" example:"7" doc:"Only those whose paid time ends within so many days."`
	Paged
}

func (s *server) findSubscribers(ctx context.Context, in *findInput) (*page[console.SubscriberView], error) {
	found, err := s.Service.Find(ctx, console.FindQuery{
		Q: in.Q, Status: in.Status, Plan: in.Plan, Router: in.Router, ExpiringDays: in.Expiring, Cursor: in.Page, Limit: in.Limit,
	})
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return listed(found), nil
}

func (s *server) getSubscriber(ctx context.Context, in *AccountPath) (*profile, error) {
	view, err := s.Service.Subscriber(ctx, in.ID)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return &profile{ETag: etag(view.Revision), Body: view}, nil
}

type newSubscriberInput struct {
	Keyed
	Body console.NewSubscriber
}

type addedSubscriber struct {
	Location string `header:"Location" example:"/api/v1/subscribers/42" doc:"The new subscriber."`
	ETag     string `header:"ETag" example:"W/\"1\""`
	Body     console.SubscriberView
}

func (s *server) addSubscriber(ctx context.Context, in *newSubscriberInput) (*addedSubscriber, error) {
	added, err := s.Service.AddSubscriber(ctx, by(ctx), in.Body)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	view, err := s.Service.Subscriber(ctx, strconv.FormatInt(added.SubscriberID, 10))
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	callOf(ctx).action = added.ActionID
	if in.Body.Password == "" {
		view.Password = added.Password
	}
	return &addedSubscriber{Location: fmt.Sprintf("%s/subscribers/%d", Prefix, view.ID), ETag: etag(view.Revision), Body: view}, nil
}

// etag is weak: what is made of the revision is the same for two profiles that differ in balance or connection.
func etag(revision int64) string { return fmt.Sprintf(`W/"%d"`, revision) }

var etags = regexp.MustCompile(`^(?:W/)?"([0-9]{1,18})"$`)

// revision reads If-Match; 0 is any revision, and -1 none that there can be. RFC 9110 §13.1.1 wants it compared strongly, where a weak
// tag never matches; here it is compared by its number, see the introduction of the document.
func revision(ifMatch string) int64 {
	ifMatch = strings.TrimSpace(ifMatch)
	if ifMatch == "" || ifMatch == "*" {
		return 0
	}
	found := etags.FindStringSubmatch(ifMatch)
	if found == nil {
		return -1
	}
	n, err := strconv.ParseInt(found[1], 10, 64)
	if err != nil || n == 0 {
		return -1
	}
	return n
}
