package pages

import (
	"net/url"
	"slices"
	"strconv"

	"qserve/console"
)

// The forms' fields, read as the orders of package console, which checks them.

// defaults fills a form with how things are.
func defaults(f form) url.Values {
	v := url.Values{}
	switch f.Verb {
	case "extend":
		v.Set("days", "1")
	case "suspend":
		v.Set("category", "non-payment")
	case "reconnect":
		v.Set("grace_hours", "24")
	case "change-package":
		v.Set("when", "now")
		v.Set("plan", f.Sub.Plan)
		if i := slices.IndexFunc(f.Plans, func(o console.Offer) bool { return o.Name != f.Sub.Plan }); i >= 0 {
			v.Set("plan", f.Plans[i].Name)
		}
		if f.Sub.NextPlan != nil {
			v.Set("plan", *f.Sub.NextPlan)
		}
	case "edit":
		for name, value := range map[string]string{
			"name": f.Sub.Name, "phone": f.Sub.Phone, "email": f.Sub.Email, "address": f.Sub.Address, "username": f.Sub.Username,
			"router": f.Sub.Router, "fixed_ip": f.Sub.FixedIP, "pinned_note": f.Sub.PinnedNote, "revision": strconv.FormatInt(f.Sub.Revision, 10),
		} {
			v.Set(name, value)
		}
	}
	return v
}

func readExtend(f form) (console.Order, error) {
	days, err := wholeNumber(f, "days")
	return console.ExtendOrder{Days: days, Note: f.Value("note")}, err
}

func readSuspend(f form) (console.Order, error) {
	until, err := console.ReadInstant("until", f.Value("until"), f.zone)
	return console.SuspendOrder{Category: f.Value("category"), Reason: f.Value("reason"), StopClock: f.Is("stop_clock", "on"), Until: until}, err
}

func readReconnect(f form) (console.Order, error) {
	if f.Sub.Status != "expired" {
		return console.ReconnectOrder{}, nil
	}
	hours, err := wholeNumber(f, "grace_hours")
	return console.ReconnectOrder{GraceHours: hours}, err
}

func readChange(f form) (console.Order, error) {
	return console.ChangeOrder{Plan: f.Value("plan"), When: f.Value("when"), Convert: f.Is("when", "now") && f.Is("convert", "on")}, nil
}

func readCancel(form) (console.Order, error) { return console.CancelChangeOrder{}, nil }

func readNote(f form) (console.Order, error) {
	return console.NoteOrder{Text: f.Value("text"), Pin: f.Is("pin", "on")}, nil
}

func readUndo(f form) (console.Order, error) {
	action, err := strconv.ParseInt(f.Value("action"), 10, 64)
	if err != nil {
		return nil, &console.FieldError{Field: "action", Problem: "must be the number of an action"}
	}
	return console.UndoOrder{Action: action}, nil
}

func readDelete(f form) (console.Order, error) {
	return console.DeleteOrder{Confirm: f.Value("confirm")}, nil
}

// readEdit asks only for what differs, so that two people who edit different things do not undo each other's work.
func readEdit(f form) (console.Order, error) {
	var o console.EditOrder
	for name, field := range map[string]struct {
		is string
		to **string
	}{
		"name": {f.Sub.Name, &o.Name}, "phone": {f.Sub.Phone, &o.Phone}, "email": {f.Sub.Email, &o.Email}, "address": {f.Sub.Address, &o.Address},
		"username": {f.Sub.Username, &o.Username}, "router": {f.Sub.Router, &o.Router}, "fixed_ip": {f.Sub.FixedIP, &o.FixedIP},
		"pinned_note": {f.Sub.PinnedNote, &o.PinnedNote},
	} {
		if value := f.Value(name); f.Values.Has(name) && value != field.is {
			*field.to = &value
		}
	}
	if password := f.Value("password"); password != "" {
		o.Password = &password
	}
	o.GeneratePassword = f.Is("generate", "on")
	revision, err := strconv.ParseInt(f.Value("revision"), 10, 64)
	if err != nil {
		return nil, &console.FieldError{Field: "revision", Problem: "must be a whole number"}
	}
	o.Revision = revision
	return o, nil
}

// choice is one of the values of a field, as people call it.
type choice struct{ Name, Label string }

// Categories are why an account may be suspended.
func (form) Categories() []choice {
	return []choice{
		{"non-payment", "Non-payment: a payment lifts it"}, {"equipment", "Equipment issue"},
		{"customer-request", "Customer’s request"}, {"other", "Other"},
	}
}

// DayButtons are the extensions that are asked for most.
func (form) DayButtons() []int { return []int{1, 3, 7, 14, 30} }
