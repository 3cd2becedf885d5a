package mikrosim

import (
	"maps"

	"layeh.com/radius"
)

// Counters count since the simulator was started; a reboot does not set them back.
type Counters struct {
	// API counts commands by menu and command: "/ppp/secret": {"add": 3}.
	API map[string]map[string]int `json:"api"`
	// CoA and Disconnect count what came in over RFC 5176.
	CoA        PacketCounters `json:"coa"`
	Disconnect PacketCounters `json:"disconnect"`
	// Logins counts API logins, Dials those of customers.
	Logins TryCounters `json:"logins"`
	Dials  TryCounters `json:"dials"`
	// Radius counts the router's own RADIUS packets.
	Radius RadiusCounters `json:"radius"`
}

// PacketCounters count requests: acknowledged, refused, or dropped as not provably ours. What was sent again and answered
// from memory counts as a request only.
type PacketCounters struct {
	Requests int `json:"requests"`
	Acks     int `json:"acks"`
	Naks     int `json:"naks"`
	Bad      int `json:"bad"`
}

// TryCounters count attempts and how many of them were refused.
type TryCounters struct {
	Tried   int `json:"tried"`
	Refused int `json:"refused"`
}

// RadiusCounters count the packets sent, repetitions included, and what came back.
type RadiusCounters struct {
	Sent       int `json:"sent"`
	Accepts    int `json:"accepts"`
	Rejects    int `json:"rejects"`
	Accounted  int `json:"accounted"`
	BadAnswers int `json:"bad_answers"`
	Timeouts   int `json:"timeouts"`
}

func newCounters() Counters { return Counters{API: make(map[string]map[string]int)} }

func (c *Counters) countCommand(path, verb string) {
	if c.API[path] == nil {
		c.API[path] = make(map[string]int)
	}
	c.API[path][verb]++
}

// incoming returns the counters of a kind of request, nil for what is none.
func (c *Counters) incoming(code radius.Code) *PacketCounters {
	switch code {
	case radius.CodeCoARequest:
		return &c.CoA
	case radius.CodeDisconnectRequest:
		return &c.Disconnect
	}
	return nil
}

// both adds CoA and Disconnect up, as /radius/incoming/monitor does.
func (c *Counters) both() PacketCounters {
	a, b := c.CoA, c.Disconnect
	return PacketCounters{a.Requests + b.Requests, a.Acks + b.Acks, a.Naks + b.Naks, a.Bad + b.Bad}
}

func (c *Counters) clone() Counters {
	out := *c
	out.API = make(map[string]map[string]int, len(c.API))
	for path, verbs := range c.API {
		out.API[path] = maps.Clone(verbs)
	}
	return out
}
