package aaa

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
)

var kinds = map[rfc2866.AcctStatusType]Kind{
	rfc2866.AcctStatusType_Value_Start:         Start,
	rfc2866.AcctStatusType_Value_InterimUpdate: Interim,
	rfc2866.AcctStatusType_Value_Stop:          Stop,
	rfc2866.AcctStatusType_Value_AccountingOn:  RouterUp,
	rfc2866.AcctStatusType_Value_AccountingOff: RouterDown,
}

// account answers an Accounting-Request once it is recorded. Its error means that there is no answer.
func (s *Server) account(ctx context.Context, client Client, request *radius.Packet) (*radius.Packet, string, error) {
	statusType, err := rfc2866.AcctStatusType_Lookup(request)
	if err != nil {
		return nil, malformed, fmt.Errorf("accounting: Acct-Status-Type: %w", err)
	}
	kind, ok := kinds[statusType]
	if !ok {
		// Nothing is lost, and without an answer the router would repeat it for ever.
		return newAnswer(request, radius.CodeAccountingResponse), ignored, nil
	}
	record := s.record(client, kind, request)
	if record.SessionID == "" && kind != RouterUp && kind != RouterDown {
		return nil, malformed, fmt.Errorf("accounting: %s of %q without an Acct-Session-Id", kind, record.Username)
	}
	if err := s.directory.Account(ctx, record); err != nil {
		return nil, failed, fmt.Errorf("record %s of %q: %w", kind, record.Username, err)
	}
	return newAnswer(request, radius.CodeAccountingResponse), recorded, nil
}

func (s *Server) record(client Client, kind Kind, request *radius.Packet) Record {
	delay := time.Duration(rfc2866.AcctDelayTime_Get(request)) * time.Second
	record := Record{
		RouterID:       client.RouterID,
		Kind:           kind,
		SessionID:      text(rfc2866.AcctSessionID_GetString(request)),
		Username:       text(rfc2865.UserName_GetString(request)),
		CallingStation: text(rfc2865.CallingStationID_GetString(request)),
		At:             s.clock.Now().Add(-delay),
		SessionTime:    time.Duration(rfc2866.AcctSessionTime_Get(request)) * time.Second,
		InputOctets: uint64(rfc2869.AcctInputGigawords_Get(request))<<32 |
			uint64(rfc2866.AcctInputOctets_Get(request)),
		OutputOctets: uint64(rfc2869.AcctOutputGigawords_Get(request))<<32 |
			uint64(rfc2866.AcctOutputOctets_Get(request)),
	}
	if address, ok := netip.AddrFromSlice(rfc2865.FramedIPAddress_Get(request)); ok {
		record.Address = address
	}
	if cause, err := rfc2866.AcctTerminateCause_Lookup(request); err == nil {
		record.Cause = cause.String()
	}
	return record
}
