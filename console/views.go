package console

import (
	"time"

	"qserve/account"
)

// The views are what staff, their tools and the command line are shown: the same words on every door. Times are UTC.

// Money is an amount as it is written outside of Qserve.
type Money struct {
	Amount   string `json:"amount" example:"1500.00" doc:"Decimal, with all decimals of the currency."`
	Currency string `json:"currency" example:"KES" doc:"ISO 4217."`
}

func viewMoney(m account.Money) Money { return Money{Amount: m.Decimal(), Currency: m.Currency} }

// SubscriberView is one subscriber.
type SubscriberView struct {
	ID         int64           `json:"id" example:"42"`
	Account    string          `json:"account" example:"ACC-0042" doc:"Account number."`
	Name       string          `json:"name" example:"Amina Wanjiru"`
	Phone      string          `json:"phone" example:"+254712345678" doc:"E.164; empty when unknown."`
	Email      string          `json:"email" example:"amina@example.com"`
	Address    string          `json:"address" example:"Ngong Road 12" doc:"Where the line is."`
	Username   string          `json:"username" example:"acc-0042" doc:"PPPoE user name."`
	FixedIP    string          `json:"fixed_ip,omitempty" example:"100.64.8.10" doc:"Fixed IPv4 address; absent when the pool gives one."`
	Plan       string          `json:"plan" example:"Home 10" doc:"Name of the current package's plan."`
	Router     string          `json:"router" example:"Ngong" doc:"Name of the router."`
	Status     string          `json:"status" enum:"active,grace,expired,suspended" example:"active"`
	ExpiresAt  *time.Time      `json:"expires_at" doc:"End of the paid time; null before the first payment."`
	Remaining  int64           `json:"remaining_seconds" example:"777600" doc:"Paid time that is left; while a suspension stops the clock, what will be left after it."`
	GraceUntil *time.Time      `json:"grace_until"`
	Suspension *SuspensionView `json:"suspension"`
	NextPlan   *string         `json:"next_plan" doc:"Plan that takes over at next_plan_at; null when none is scheduled."`
	NextPlanAt *time.Time      `json:"next_plan_at"`
	Balance    Money           `json:"balance"`
	PinnedNote string          `json:"pinned_note" example:"Dog in the yard, ring first" doc:"What staff should see first; empty when nothing is pinned."`
	Revision   int64           `json:"revision" example:"1" doc:"Grows with every edit; the ETag is made of it."`
	// Connection is nil in lists.
	Connection *ConnectionView `json:"connection,omitempty"`
	// Confirmed is whether the router holds what it should; nil in lists.
	Confirmed *bool `json:"confirmed,omitempty" doc:"Whether the router has confirmed everything that is wanted of it."`
	// Password is the PPPoE password that was made for a new subscriber.
	Password string `json:"password,omitempty" doc:"Only in the answer to the creation, and only when it was made by Qserve."`
}

// SuspensionView is a suspension.
type SuspensionView struct {
	Category       string     `json:"category" enum:"non-payment,equipment,customer-request,other"`
	Reason         string     `json:"reason" example:"Away until January"`
	Since          time.Time  `json:"since"`
	Until          *time.Time `json:"until,omitempty" doc:"When it ends by itself; absent when somebody has to reconnect."`
	ClockStoppedAt *time.Time `json:"clock_stopped_at,omitempty" doc:"Set when the suspension stops the clock."`
}

// ConnectionView is whether a subscriber is online, as far as is known.
type ConnectionView struct {
	Online    bool       `json:"online" example:"true"`
	Address   string     `json:"address,omitempty" example:"100.64.8.10"`
	SessionID string     `json:"session_id,omitempty" example:"81000001"`
	Since     *time.Time `json:"since,omitempty" doc:"Begin of the running session."`
	Rate      string     `json:"rate,omitempty" example:"5M/10M" doc:"Upload/download of the running session."`
	LastSeen  *time.Time `json:"last_seen,omitempty" doc:"When a session of the subscriber was last known to run."`
	AsOf      *time.Time `json:"as_of,omitempty" doc:"When the router was last heard of the subject; absent when never."`
}

// ActionView is a command on an account and how far it has come.
type ActionView struct {
	ID          int64              `json:"id" example:"1017"`
	Kind        string             `json:"kind" example:"suspend"`
	Subscriber  *int64             `json:"subscriber" doc:"Id of the subscriber; null once the account was deleted."`
	State       string             `json:"state" enum:"accepted,applied,confirmed,refused"`
	Reason      string             `json:"reason,omitempty" doc:"Why it was refused, and what to do."`
	Actor       string             `json:"actor" example:"token call-centre"`
	AcceptedAt  time.Time          `json:"accepted_at"`
	AppliedAt   *time.Time         `json:"applied_at"`
	ConfirmedAt *time.Time         `json:"confirmed_at"`
	Routers     []ActionRouterView `json:"routers"`
}

// Final reports whether nothing more will happen to the action.
func (v ActionView) Final() bool { return v.State == "confirmed" || v.State == "refused" }

// ActionRouterView is how far one router is with an action.
type ActionRouterView struct {
	Router    string     `json:"router" example:"Ngong"`
	Username  string     `json:"username" example:"acc-0042"`
	Confirmed bool       `json:"confirmed" example:"false" doc:"Whether it was seen to hold what the action wants."`
	Attempts  int        `json:"attempts" example:"2" doc:"How often it was tried in vain."`
	NextTryAt *time.Time `json:"next_try_at,omitempty" doc:"When the router is tried again by itself."`
	LastError string     `json:"last_error,omitempty" example:"no answer from 10.9.0.2:8729 within 5s" doc:"Why the last try failed."`
}

// ActivityView is one line of an account's history.
type ActivityView struct {
	ID      int64             `json:"id" example:"5120"`
	At      time.Time         `json:"at"`
	Kind    string            `json:"kind" example:"extend"`
	Actor   string            `json:"actor" example:"token call-centre"`
	Source  string            `json:"source,omitempty" example:"10.0.0.7" doc:"Address that the request came from."`
	Summary string            `json:"summary" example:"Extended by 3 days until 4 Dec 2026 18:00: outage"`
	Before  map[string]string `json:"before,omitempty" doc:"Facts as they were, by name; only those that changed."`
	After   map[string]string `json:"after,omitempty" doc:"The same facts as they are since."`
	Action  *int64            `json:"action,omitempty" example:"1017" doc:"Id of the action that did it."`
	// What the router answered to the action, so far.
	Routers []ActionRouterView `json:"routers,omitempty"`
}

// PaymentView is one payment.
type PaymentView struct {
	ID         int64     `json:"id" example:"311"`
	Method     string    `json:"method" example:"mpesa" doc:"Kind of the payment source, or cash or bank."`
	Receipt    string    `json:"receipt" example:"SKL7X2M4QP" doc:"The provider's transaction id, or the reference that staff entered."`
	Merchant   string    `json:"merchant" example:"600100"`
	Amount     Money     `json:"amount"`
	Reference  string    `json:"reference" example:"ACC-0042" doc:"The account as the payer typed it."`
	PayerName  string    `json:"payer_name" example:"AMINA W." doc:"As the provider told it."`
	PayerPhone string    `json:"payer_phone" example:"+254712345678" doc:"As the provider told it; may be empty."`
	OccurredAt time.Time `json:"occurred_at"`
	ReceivedAt time.Time `json:"received_at"`
	Status     string    `json:"status" enum:"credited,unallocated,reversed,split" doc:"Of a payment that was split, the parts tell where its money is."`
	// Unallocated says why the money is nobody's yet.
	Unallocated string  `json:"unallocated,omitempty" example:"there is no account ACC-9999" doc:"Why the money is nobody's yet."`
	Subscriber  *int64  `json:"subscriber" example:"42" doc:"Id of the subscriber; null while it is nobody's."`
	Account     *string `json:"account" doc:"Account number of the subscriber."`
	EnteredBy   string  `json:"entered_by,omitempty" example:"token call-centre" doc:"Who entered it by hand."`
	Reversal    string  `json:"reversal_reason,omitempty" example:"typed twice" doc:"Why it was reversed."`
	SplitOf     *int64  `json:"split_of,omitempty" example:"310" doc:"Id of the payment that it is a part of."`
	// Parts is nil in lists.
	Parts []int64 `json:"parts,omitempty" nullable:"false" example:"[311,312]" doc:"Ids of the parts of a payment that was split."`
}

// InvoiceView is one invoice.
type InvoiceView struct {
	Number      string    `json:"number" example:"2026-000123" doc:"Numbered without gaps in each year."`
	IssuedAt    time.Time `json:"issued_at"`
	Plan        string    `json:"plan" example:"Home 10" doc:"Name of the plan when it was bought."`
	Periods     int       `json:"periods" doc:"Negative on a credit note."`
	Total       Money     `json:"total"`
	PeriodStart time.Time `json:"period_start"`
	PeriodEnd   time.Time `json:"period_end"`
}

// LedgerView is one line of the wallet, with the balance after it.
type LedgerView struct {
	ID      int64     `json:"id" example:"7301"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind" enum:"payment,renewal,reversal,refund"`
	Amount  Money     `json:"amount" doc:"Negative when it leaves the wallet."`
	Balance Money     `json:"balance" doc:"After this line."`
	Summary string    `json:"summary" example:"Home 10, 1 period until 4 Dec 2026 18:00"`
	Payment *int64    `json:"payment,omitempty" example:"311" doc:"Id of the payment that it is about."`
	Action  int64     `json:"action" example:"1017" doc:"Id of the action that booked it."`
}

// Page is a part of a list. Next asks for the following part; empty at the end.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next" doc:"Cursor of the next page; empty when this is the last."`
}

// By says who asks for something.
type By struct {
	Actor  string // for the activity, for example "token call-centre"
	Source string // network address; empty when not over the network
	// RequestKey names the request, so that repeating it does not give its command twice; empty: not repeatable.
	RequestKey string
}
