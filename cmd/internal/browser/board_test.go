package browser

import (
	"testing"

	"qserve/console"
)

// The Asynq dashboard is another's page and asks every few seconds. When the session has ended, it leads to the sign-in
// instead of asking for ever.
func TestDashboardWhoseSessionEnds_LeadsToTheSignIn(t *testing.T) {
	t.Parallel()
	o := visit(t)
	in, err := o.Hire(t.Context(), "board", "Bo Ard", console.RoleOps)
	must(t, err)
	b := o.openAs(t, in)
	b.seen.expects(401)
	b.seen.forgives("fonts.googleapis.com") // which the policy keeps the dashboard from
	b.seen.forgives("401 (Unauthorized)")   // which it tells its console
	b.goTo("/ops/queues")
	b.sees("Tasks Processed")
	must(t, second(o.Staff.ChangeStaff(t.Context(), clerk, in.User, console.StaffChange{SignOut: true})))
	b.until("the sign-in shows", "location.pathname === '/sign-in'")
}
