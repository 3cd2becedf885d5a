package account

import (
	"fmt"
	"strings"
	"time"
)

// Edit changes how a subscriber is reached and dials. A nil field stays as it is.
type Edit struct {
	Name, Phone, Email, Address *string
	Username                    *string
	RouterID                    *int64
	FixedAddress                *string // empty: from the pool
	Pinned                      *string // the note that staff see first; empty: none
	// NewPassword says that the PPPoE password is replaced; the password itself is none of the rules' business.
	NewPassword bool
	// Revision is what the editor saw; 0: whatever it is. Another revision means that somebody else edited meanwhile.
	Revision int64
}

func (e Edit) apply(c *Change, _ time.Time, _ *time.Location) error {
	a := &c.Account
	if e.Revision != 0 && e.Revision != a.Revision {
		return &Refused{a.Number + " was edited by somebody else meanwhile; look at it again"}
	}
	if e.Name != nil && *e.Name == "" {
		return &Refused{"a subscriber needs a name"}
	}
	was := Place{a.RouterID, a.Username}
	var edited []string
	set := func(field *string, to *string, label string) {
		if to != nil && *to != *field {
			*field = *to
			edited = append(edited, label)
		}
	}
	set(&a.Contact.Name, e.Name, "name")
	set(&a.Contact.Phone, e.Phone, "phone")
	set(&a.Contact.Email, e.Email, "e-mail")
	set(&a.Contact.Address, e.Address, "address")
	set(&a.Username, e.Username, "PPPoE user name")
	set(&a.Address, e.FixedAddress, "fixed IP address")
	set(&a.Pinned, e.Pinned, "pinned note")
	if e.RouterID != nil && *e.RouterID != a.RouterID {
		a.RouterID = *e.RouterID
		edited = append(edited, "router")
	}
	if e.NewPassword {
		a.CredentialGen++
		edited = append(edited, "PPPoE password")
	}
	if len(edited) == 0 {
		return nil
	}
	a.Revision++
	if is := (Place{a.RouterID, a.Username}); is != was {
		c.Left = append(c.Left, was)
	}
	c.say("edit", "Edited %s", strings.Join(edited, ", "))
	return nil
}

// Note writes free text into the account's activity.
type Note struct {
	Text string
	// Pin also makes the text the pinned note, in place of the one before.
	Pin bool
}

func (n Note) apply(c *Change, now time.Time, _ *time.Location) error {
	if strings.TrimSpace(n.Text) == "" {
		return &Refused{"a note needs a text"}
	}
	if !n.Pin {
		c.say("note", "%s", n.Text)
		return nil
	}
	c.Kept = &Kept{At: now, Before: Term{Pinned: c.Account.Pinned}, After: Term{Pinned: n.Text}}
	c.pin(n.Text)
	c.say("note", "Pinned: %s", n.Text)
	return nil
}

// pin replaces the pinned note, which staff may be editing at this moment.
func (c *Change) pin(text string) {
	if c.Account.Pinned != text {
		c.Account.Pinned = text
		c.Account.Revision++
	}
}

// Delete ends an account for good.
type Delete struct {
	// Confirm is the account number, typed by the person who wants it gone.
	Confirm string
}

func (d Delete) apply(c *Change, _ time.Time, _ *time.Location) error {
	if NormalizeReference(d.Confirm) != NormalizeReference(c.Account.Number) {
		return &Refused{fmt.Sprintf("%.40q is not the number of the account that is to be deleted", d.Confirm)}
	}
	c.Deleted = true
	c.Left = append(c.Left, Place{c.Account.RouterID, c.Account.Username})
	return nil
}
