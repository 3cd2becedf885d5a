package router

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"qserve/account"
	"qserve/router/routeros"
)

const (
	profileMenu = "/ppp/profile"
	// profileMark is the comment of the profiles that mode local creates. They outlive the secrets that use them.
	profileMark = ownPrefix + "profile"
)

// fixedProfile is the profile of every customer with a fixed address. It has neither a rate, which an own queue keeps,
// nor an address list, where an own entry puts the address: those change while the session runs.
const fixedProfile = "qserve-fixed"

// profileName is readable and differs for everything that a profile holds: qserve-5M-10M, qserve-5M-10M@fibre and, for
// the garden, qserve-256k-256k+garden. What a rate has beyond its first pair (bursts, priority) goes in as a hash.
func profileName(line account.Line) string {
	if line.Address != "" {
		return fixedProfile
	}
	pair, more, _ := strings.Cut(string(line.Rate), " ")
	name := "qserve-" + strings.ReplaceAll(pair, "/", "-")
	if more != "" {
		sum := sha256.Sum256([]byte(line.Rate))
		name += "." + hex.EncodeToString(sum[:4])
	}
	if line.AddressList != "" {
		name += "+garden"
	}
	if line.Pool != "" {
		name += "@" + line.Pool
	}
	return name
}

// ensureProfile makes the router have the profile of a line and returns its name. On one connection each profile is
// looked at once.
func (l *local) ensureProfile(ctx context.Context, line account.Line) (string, error) {
	name := profileName(line)
	if l.profiles[name] {
		return name, nil
	}
	want := make(map[string]string)
	if l.target.LocalAddress != "" {
		want["local-address"] = l.target.LocalAddress
	}
	if name == fixedProfile {
		want["rate-limit"], want["address-list"] = "", ""
	} else {
		want["rate-limit"] = string(line.Rate)
		if line.AddressList != "" {
			want["address-list"] = line.AddressList
		}
		if pool := cmp.Or(line.Pool, l.target.Pool); pool != "" {
			want["remote-address"] = pool
		}
	}
	if err := l.putProfile(ctx, name, want); err != nil {
		if errors.Is(err, routeros.ErrValue) {
			err = fmt.Errorf("%w; does the address pool %q exist there? Create it with /ip/pool/add name=%s ranges=…",
				err, want["remote-address"], quoted(want["remote-address"]))
		}
		return "", fmt.Errorf("PPP profile %q: %w", name, err)
	}
	l.profiles[name] = true
	return name, nil
}

func (l *local) putProfile(ctx context.Context, name string, want map[string]string) error {
	row, err := l.readProfile(ctx, name)
	if err != nil {
		return err
	}
	if row == nil {
		attributes := given(want)
		attributes["name"], attributes["comment"] = name, profileMark
		_, err = l.conn.Add(ctx, profileMenu, attributes)
		if err != nil && !errors.Is(err, routeros.ErrAlreadyExists) {
			return err
		}
		if row, err = l.readProfile(ctx, name); err != nil {
			return err
		}
	}
	switch off := profileDifference(row, want); {
	case row == nil:
		return fmt.Errorf("%w: it was added and is not there", ErrNotConfirmed)
	case off == "":
		return nil
	case !strings.HasPrefix(row["comment"], profileMark):
		return fmt.Errorf("a profile of this name %w, and its %s is %q instead of %q; rename or remove it: "+
			"/ppp/profile/set [find name=%s] name=…", ErrForeign, off, row[off], want[off], quoted(name))
	}
	for property, value := range want {
		if value == "" && row[property] != "" {
			if err := l.conn.Unset(ctx, profileMenu, row.ID(), property); err != nil {
				return err
			}
		}
	}
	if err := l.conn.Set(ctx, profileMenu, row.ID(), given(want)); err != nil {
		return err
	}
	if row, err = l.readProfile(ctx, name); err != nil {
		return err
	}
	if off := profileDifference(row, want); off != "" {
		return fmt.Errorf("%w: %s is %q instead of %q", ErrNotConfirmed, off, row[off], want[off])
	}
	return nil
}

// given is what has a value.
func given(want map[string]string) map[string]string {
	attributes := maps.Clone(want)
	maps.DeleteFunc(attributes, func(_, value string) bool { return value == "" })
	return attributes
}

func (l *local) readProfile(ctx context.Context, name string) (routeros.Row, error) {
	rows, err := l.conn.Print(ctx, profileMenu,
		[]string{".id", "name", "rate-limit", "local-address", "remote-address", "address-list", "comment"}, "?name="+name)
	for _, row := range rows {
		if row["name"] == name {
			return row, err
		}
	}
	return nil, err
}

// profileDifference returns the first property in which row is not as wanted.
func profileDifference(row routeros.Row, want map[string]string) string {
	for _, property := range slices.Sorted(maps.Keys(want)) {
		if property == "rate-limit" {
			if canonicalRate(row[property]) == canonicalRate(want[property]) {
				continue
			}
		} else if row[property] == want[property] {
			continue
		}
		return property
	}
	return ""
}

// canonicalRate spells out what the router may write in another way: 5000k for 5M, and one number for two equal ones.
func canonicalRate(rate string) string {
	fields := strings.Fields(rate)
	for i, field := range fields {
		if first, second := account.Rate(field).Pair(); first != 0 || second != 0 {
			fields[i] = fmt.Sprintf("%d/%d", first, second)
		}
	}
	return strings.Join(fields, " ")
}
