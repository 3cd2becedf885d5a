package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"qserve/account"
	"qserve/internal/phone"
)

// Why a payment belongs to nobody yet, in words for the person who will allocate it.
const (
	NoSuchAccount       = "no account has this number, phone or user name"
	SeveralAccounts     = "the reference fits more than one account"
	NoReference         = "the payer gave no account"
	PayerHasNoAccount   = "the payer gave no account, and no subscriber has the payer's phone number"
	PayerHasSeveral     = "the payer gave no account, and more than one subscriber has the payer's phone number"
	maxReference        = 64 // characters; a longer one is a message, not an account
	referenceSeparators = " -_./#:+@()"
)

// MatchSubscriber finds the subscriber that a payment is for. When there is not exactly one, the id is zero and
// unallocated says why; an error is the database's. region (ISO 3166-1 alpha-2) is the country of numbers that are
// typed without a country code.
//
// The first reference that fits anybody decides: by account number, else by phone, else by user name. Whom it fits
// equally well it fits not at all. A payer who typed nothing is known by phone number, if that is one subscriber's;
// a payer who mistyped is not, because people pay for each other. Names decide nothing.
func MatchSubscriber(ctx context.Context, q *Queries, n account.Notice, region string) (id int64, unallocated string, err error) {
	if len(n.References) == 0 {
		return matchPayer(ctx, q, n)
	}
	for _, reference := range n.References {
		ids, err := fits(ctx, q, reference, region)
		switch {
		case err != nil:
			return 0, "", fmt.Errorf("look for the account of a payment: %w", err)
		case len(ids) == 1:
			return ids[0], "", nil
		case len(ids) > 1:
			return 0, SeveralAccounts, nil
		}
	}
	return 0, NoSuchAccount, nil
}

// fits returns the subscribers that a reference fits best.
func fits(ctx context.Context, q *Queries, reference, region string) ([]int64, error) {
	typed := strings.TrimSpace(reference)
	if !plausible(typed) {
		return nil, nil
	}
	// PPPoE user names are told apart by case, but not every telephone's keyboard can be.
	candidates := FindAccountParams{Usernames: []string{typed, strings.ToLower(typed)}}
	if key := account.NormalizeReference(typed); key != "" {
		candidates.AccountKeys = []string{key}
	}
	if number, ok := phone.E164(typed, region); ok {
		candidates.Phones = []string{number}
	}
	rows, err := q.FindAccount(ctx, candidates)
	if err != nil {
		return nil, err
	}
	var ids []int64
	for _, row := range rows {
		if row.Rank == rows[0].Rank && !slices.Contains(ids, row.ID) {
			ids = append(ids, row.ID)
		}
	}
	return ids, nil
}

// plausible refuses what NormalizeReference would silently drop, other than separators: without its Arabic digit or
// its emoji a reference could turn into somebody else's account number.
func plausible(reference string) bool {
	if utf8.RuneCountInString(reference) > maxReference {
		return false
	}
	for _, r := range reference {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && !strings.ContainsRune(referenceSeparators, r) {
			return false
		}
	}
	return reference != ""
}

func matchPayer(ctx context.Context, q *Queries, n account.Notice) (id int64, unallocated string, err error) {
	var ids []int64
	switch {
	case n.PayerPhone != "":
		var rows []FindAccountRow
		rows, err = q.FindAccount(ctx, FindAccountParams{Phones: []string{n.PayerPhone}})
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
	case n.PayerPhoneHash != "":
		ids, err = q.FindAccountByPhoneHash(ctx, n.PayerPhoneHash)
	default:
		return 0, NoReference, nil
	}
	switch {
	case err != nil:
		return 0, "", fmt.Errorf("look for the account of a payer: %w", err)
	case len(ids) == 0:
		return 0, PayerHasNoAccount, nil
	case len(ids) > 1:
		return 0, PayerHasSeveral, nil
	}
	return ids[0], "", nil
}
