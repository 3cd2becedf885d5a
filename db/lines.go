package db

import (
	"context"
	"time"

	"qserve/account"
)

// wanted collects what routers should hold.
type wanted struct {
	WantLinesParams
	seen map[account.Place]bool
}

func (w *wanted) add(at account.Place, subscriber int64, l account.Line) {
	if w.seen[at] {
		return
	}
	w.seen[at] = true
	w.RouterIDs, w.Usernames = append(w.RouterIDs, at.RouterID), append(w.Usernames, at.Username)
	w.SubscriberIDs, w.States = append(w.SubscriberIDs, subscriber), append(w.States, string(l.State))
	w.Rates, w.Pools = append(w.Rates, string(l.Rate)), append(w.Pools, l.Pool)
	w.Addresses, w.AddressLists = append(w.Addresses, l.Address), append(w.AddressLists, l.AddressList)
	w.CredentialGens = append(w.CredentialGens, l.CredentialGen)
}

func placeOf(a account.Account) account.Place {
	return account.Place{RouterID: a.RouterID, Username: a.Username}
}

// writeLines records what the accounts' routers should hold from now on, and returns how far each line is. A name that
// an account has left is wanted absent, unless one of the accounts has it now.
func writeLines(ctx context.Context, q *Queries, deeds []Deed, now time.Time) (map[account.Place]ProvisionsOfRow, error) {
	w := wanted{WantLinesParams: WantLinesParams{Now: now}, seen: map[account.Place]bool{}}
	for _, a := range last(deeds) {
		w.add(placeOf(a), a.ID, a.Desired(now))
	}
	for _, d := range deeds {
		for _, left := range d.Change.Left {
			w.add(left, 0, account.Line{State: account.LineAbsent})
		}
	}
	return w.write(ctx, q)
}

func (w *wanted) write(ctx context.Context, q *Queries) (map[account.Place]ProvisionsOfRow, error) {
	changed, err := q.WantLines(ctx, w.WantLinesParams)
	if err != nil {
		return nil, err
	}
	lines := make(map[account.Place]ProvisionsOfRow, len(w.seen))
	for _, row := range changed {
		lines[account.Place{RouterID: row.RouterID, Username: row.Username}] = ProvisionsOfRow(row)
	}
	if len(lines) == len(w.seen) {
		return lines, nil
	}
	all, err := q.ProvisionsOf(ctx, ProvisionsOfParams{RouterIDs: w.RouterIDs, Usernames: w.Usernames})
	if err != nil {
		return nil, err
	}
	for _, row := range all {
		lines[account.Place{RouterID: row.RouterID, Username: row.Username}] = row
	}
	return lines, nil
}
