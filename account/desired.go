package account

import "time"

// State is what a router should hold for a PPPoE user name.
type State string

// The states. Absent outlives the subscriber: it is how credentials leave a router after a deletion.
const (
	LineAbsent   State = "absent"
	LineDisabled State = "disabled"
	LineEnabled  State = "enabled"
)

// Line is the desired state of one PPPoE user name on one router, without the password itself.
type Line struct {
	State State
	Rate  Rate
	Pool  string // name of an address pool on the router, empty for the router's default
	// Address is the fixed IPv4 address; it outranks Pool.
	Address string
	// AddressList is the list on the router's firewall that the session's address is in, empty for none.
	AddressList   string
	CredentialGen int64
}

// GardenList is the firewall address list of customers whose package has run out and whose session goes on. What it
// may reach is set up on the router.
const GardenList = "qserve-expired"

// Desired derives from the facts at now what the account's router should hold. The router's copy is out of date
// exactly when two results of Desired differ.
func (a Account) Desired(now time.Time) Line {
	line := Line{
		State:         LineDisabled,
		Rate:          a.Plan.Rate,
		Pool:          a.Plan.Pool,
		Address:       a.Address,
		CredentialGen: a.CredentialGen,
	}
	switch a.Status(now) {
	case Active, Grace:
		line.State = LineEnabled
	case Expired:
		if a.Plan.OnExpiry == Garden {
			line.State, line.Rate, line.AddressList = LineEnabled, a.Plan.GardenRate, GardenList
		}
	case Suspended:
	}
	return line
}
