package console

import (
	"encoding/base64"
	"encoding/json"
	"slices"
)

// cursor is the place in a list after which its next page begins. It names the last thing that was shown and not how many
// were, so that what is added meanwhile moves nothing. To its users it is opaque.
type cursor struct {
	List string `json:"l"`           // which list it belongs to
	Key  string `json:"k,omitempty"` // what the list is in the order of, where that is not the id
	ID   int64  `json:"i"`
}

func (c cursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		return "" // a struct of strings and numbers can be written
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// readCursor reads the cursor of one of the lists; the empty text is their beginning.
func readCursor(text string, lists ...string) (cursor, error) {
	if text == "" {
		return cursor{}, nil
	}
	var c cursor
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err == nil && c.ID >= 0 {
		if slices.Contains(lists, c.List) {
			return c, nil
		}
	}
	return cursor{}, bad("cursor", "is not a cursor of this list: take it from next of the page before, or leave it out")
}

// The sizes of a page.
const (
	defaultPage = 50
	maxPage     = 200
)

// pageSize reads how many things are asked for; 0 leaves it to us.
func pageSize(limit int) (int, error) {
	switch {
	case limit == 0:
		return defaultPage, nil
	case limit < 0 || limit > maxPage:
		return 0, bad("limit", "must be 1 to %d", maxPage)
	}
	return limit, nil
}

// pageOf makes a page of rows of which one more than the page was asked for.
func pageOf[Row, View any](rows []Row, most int, view func(Row) View, at func(Row) cursor) Page[View] {
	page := Page[View]{Items: make([]View, 0, min(len(rows), most))}
	for i, row := range rows {
		if i == most {
			page.Next = at(rows[i-1]).String()
			break
		}
		page.Items = append(page.Items, view(row))
	}
	return page
}
