package router

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"qserve/account"
	"qserve/router/routeros"
)

const secretMenu = "/ppp/secret"

// ownSecret reads the secret of a user name: nil when there is none, ErrForeign when it is not Qserve's. A second one
// with the marker, for another service, is a copy made by hand that would let the user in regardless; it is removed.
func (d *device) ownSecret(ctx context.Context, username string) (routeros.Row, error) {
	rows, err := d.conn.Print(ctx, secretMenu,
		[]string{".id", "name", "service", "profile", "disabled", "remote-address", "comment"}, "?name="+username)
	if err != nil {
		return nil, err
	}
	var own []routeros.Row
	for _, row := range rows {
		if row["name"] != username {
			continue
		}
		if _, ours := parseMarker(row["comment"]); !ours {
			find := secretMenu + "/%s [find name=" + quoted(username) + "]"
			return nil, fmt.Errorf("a secret of this name %w; remove it (%s) or hand it over to Qserve (%s comment=%s)",
				ErrForeign, fmt.Sprintf(find, "remove"), fmt.Sprintf(find, "set"), quoted(ownPrefix))
		}
		own = append(own, row)
	}
	if len(own) == 0 {
		return nil, nil
	}
	for _, copied := range own[1:] {
		if err := d.conn.Remove(ctx, secretMenu, copied.ID()); err != nil && !errors.Is(err, routeros.ErrNoSuchItem) {
			return nil, err
		}
	}
	return own[0], nil
}

// secret is every property that Qserve sets. A password cannot be read back from RouterOS; the generation in the
// comment, written by the same command, stands for it.
func (w Want) secret(profile string) map[string]string {
	attributes := map[string]string{
		"name":     w.Username,
		"service":  "pppoe",
		"profile":  profile,
		"disabled": "no",
		"password": w.Password,
		"comment":  marker{provision: w.ProvisionID, gen: w.Gen}.String(),
	}
	if w.Line.State != account.LineEnabled {
		attributes["disabled"] = "yes"
	}
	if w.Line.Address != "" {
		attributes["remote-address"] = w.Line.Address
	}
	return attributes
}

// difference returns the first property in which the router's secret is not as wanted.
func (w Want) difference(secret routeros.Row, profile string) string {
	mark, _ := parseMarker(secret["comment"])
	switch {
	case secret["name"] != w.Username:
		return "name"
	case secret["service"] != "pppoe":
		return "service"
	case secret["profile"] != profile:
		return "profile"
	case secret.True("disabled") != (w.Line.State != account.LineEnabled):
		return "disabled"
	case !sameAddress(secret["remote-address"], w.Line.Address):
		return "remote-address"
	case !mark.same(w.ProvisionID, w.Gen):
		return "comment"
	}
	return ""
}

// checked refuses what must not reach any router, and writes the rate in its usual form.
func (w Want) checked() (Want, error) {
	switch w.Line.State {
	case account.LineEnabled, account.LineDisabled, account.LineAbsent:
	default:
		return w, fmt.Errorf("%w: state %q is unknown", ErrBadWant, w.Line.State)
	}
	if w.Username == "" {
		return w, fmt.Errorf("%w: it has no user name", ErrBadWant)
	}
	if w.Line.State == account.LineAbsent {
		return w, nil
	}
	rate, err := account.ParseRate(string(w.Line.Rate))
	if err != nil {
		return w, fmt.Errorf("%w: %w", ErrBadWant, err)
	}
	w.Line.Rate = rate
	if w.Line.AddressList != "" && w.Line.AddressList != account.GardenList {
		return w, fmt.Errorf("%w: address list %q is unknown", ErrBadWant, w.Line.AddressList)
	}
	if w.Line.Address == "" {
		return w, nil
	}
	if address, err := netip.ParseAddr(w.Line.Address); err != nil || !address.Is4() {
		return w, fmt.Errorf("%w: fixed address %q is not an IPv4 address", ErrBadWant, w.Line.Address)
	}
	return w, nil
}
