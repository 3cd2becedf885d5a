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

// Matcher finds the subscribers that payments are for. It has looked all of them up at once.
type Matcher struct {
	region string
	found  map[candidate][]int64
}

// candidate is a text that may be a subscriber's, in one of the ranks of FindAccounts.
type candidate struct {
	rank int32
	key  string
}

const (
	byAccount int32 = 1 + iota
	byPhone
	byUsername
	byPhoneHash
)

// NewMatcher looks up whom the notices may mean. region (ISO 3166-1 alpha-2) is the country of numbers that are typed
// without a country code. An error is the database's.
func NewMatcher(ctx context.Context, q *Queries, notices []account.Notice, region string) (*Matcher, error) {
	m := &Matcher{region: region, found: map[candidate][]int64{}}
	// An array that is NULL would match nothing too, but is planned for differently.
	wanted := FindAccountsParams{AccountKeys: []string{}, Phones: []string{}, Usernames: []string{}, PhoneHashes: []string{}}
	for _, n := range notices {
		for _, reference := range n.References {
			for _, c := range m.candidates(reference) {
				wanted.add(c)
			}
		}
		if len(n.References) == 0 {
			wanted.add(payer(n))
		}
	}
	rows, err := q.FindAccounts(ctx, wanted)
	if err != nil {
		return nil, fmt.Errorf("look for the accounts of payments: %w", err)
	}
	for _, row := range rows {
		c := candidate{row.Rank, row.Key}
		m.found[c] = append(m.found[c], row.ID)
	}
	return m, nil
}

func (p *FindAccountsParams) add(c candidate) {
	switch c.rank {
	case byAccount:
		p.AccountKeys = append(p.AccountKeys, c.key)
	case byPhone:
		p.Phones = append(p.Phones, c.key)
	case byUsername:
		p.Usernames = append(p.Usernames, c.key)
	case byPhoneHash:
		p.PhoneHashes = append(p.PhoneHashes, c.key)
	}
}

// Match finds the subscriber of one of the notices. When there is not exactly one, the id is zero and unallocated says
// why.
//
// The first reference that fits anybody decides: by account number, else by phone, else by user name. Whom it fits
// equally well it fits not at all. A payer who typed nothing is known by phone number, if that is one subscriber's;
// a payer who mistyped is not, because people pay for each other. Names decide nothing.
func (m *Matcher) Match(n account.Notice) (id int64, unallocated string) {
	if len(n.References) == 0 {
		return m.matchPayer(n)
	}
	for _, reference := range n.References {
		ids := m.fits(reference)
		switch {
		case len(ids) == 1:
			return ids[0], ""
		case len(ids) > 1:
			return 0, SeveralAccounts
		}
	}
	return 0, NoSuchAccount
}

// MatchSubscriber finds the subscriber of a single notice; see [Matcher.Match].
func MatchSubscriber(ctx context.Context, q *Queries, n account.Notice, region string) (id int64, unallocated string, err error) {
	m, err := NewMatcher(ctx, q, []account.Notice{n}, region)
	if err != nil {
		return 0, "", err
	}
	id, unallocated = m.Match(n)
	return id, unallocated, nil
}

// fits returns the subscribers that a reference fits best.
func (m *Matcher) fits(reference string) []int64 {
	var ids []int64
	rank := int32(0)
	for _, c := range m.candidates(reference) {
		if len(ids) > 0 && c.rank != rank {
			break
		}
		rank = c.rank
		for _, id := range m.found[c] {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// candidates lists what a reference may be, the best rank first.
func (m *Matcher) candidates(reference string) []candidate {
	typed := strings.TrimSpace(reference)
	if !plausible(typed) {
		return nil
	}
	var list []candidate
	if key := account.NormalizeReference(typed); key != "" {
		list = append(list, candidate{byAccount, key})
	}
	if number, ok := phone.E164(typed, m.region); ok {
		list = append(list, candidate{byPhone, number})
	}
	// PPPoE user names are told apart by case, but not every telephone's keyboard can be.
	list = append(list, candidate{byUsername, typed})
	if lower := strings.ToLower(typed); lower != typed {
		list = append(list, candidate{byUsername, lower})
	}
	return list
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

func payer(n account.Notice) candidate {
	if n.PayerPhone != "" {
		return candidate{byPhone, n.PayerPhone}
	}
	return candidate{byPhoneHash, n.PayerPhoneHash}
}

func (m *Matcher) matchPayer(n account.Notice) (id int64, unallocated string) {
	c := payer(n)
	if c.key == "" {
		return 0, NoReference
	}
	switch ids := m.found[c]; len(ids) {
	case 0:
		return 0, PayerHasNoAccount
	case 1:
		return ids[0], ""
	default:
		return 0, PayerHasSeveral
	}
}
