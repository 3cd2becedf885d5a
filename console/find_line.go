package console

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"qserve/db"
)

// lineOf reads what somebody typed as the address of a line or of the device behind it. One of the two is set.
func lineOf(q string) (address *netip.Addr, mac string) {
	q = strings.TrimSpace(q)
	if parsed, err := netip.ParseAddr(q); err == nil {
		parsed = parsed.Unmap()
		return &parsed, ""
	}
	// Twelve digits without anything between them are a phone number.
	if device, err := net.ParseMAC(q); err == nil && strings.ContainsAny(q, ":-.") {
		return nil, strings.ToUpper(device.String()) // as RouterOS writes it into Calling-Station-Id
	}
	return nil, ""
}

// byLine finds who is online with an IP address or a MAC address, or has the IP address for ever.
func (s *Service) byLine(ctx context.Context, address *netip.Addr, mac string, by filters, most int) (Page[SubscriberView], error) {
	rows, err := db.New(s.Pool).FindByLine(ctx, db.FindByLineParams{
		Address: address, Mac: mac, Status: by.status, PlanID: by.plan, RouterID: by.router, ExpiringBefore: by.before, Now: by.now, Most: int32(most),
	})
	if err != nil {
		return Page[SubscriberView]{}, err
	}
	page := Page[SubscriberView]{Items: make([]SubscriberView, len(rows))}
	for i, row := range rows {
		page.Items[i] = viewSubscriber(row.Subscriber, row.Plan, row.Router, row.NextPlan, by.now)
	}
	return page, nil
}
