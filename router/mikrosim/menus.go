package mikrosim

import (
	"maps"
	"strconv"
	"strings"
	"time"
)

// Paths of the menus that the simulator itself reads and writes.
const (
	menuSecret      = "/ppp/secret"
	menuProfile     = "/ppp/profile"
	menuActive      = "/ppp/active"
	menuAAA         = "/ppp/aaa"
	menuQueue       = "/queue/simple"
	menuAddressList = "/ip/firewall/address-list"
	menuPool        = "/ip/pool"
	menuService     = "/ip/service"
	menuRadius      = "/radius"
	menuIncoming    = "/radius/incoming"
	menuIdentity    = "/system/identity"
	menuResource    = "/system/resource"
)

var (
	editing    = []string{"add", "set", "unset", "remove", "enable", "disable"}
	editingPPP = []string{"add", "set", "unset", "remove"}
)

// menus is the command tree: the part of RouterOS 7 that somebody who runs subscriber accounts needs.
func menus() []*menu {
	return []*menu{
		{
			path: menuSecret, noun: "secret", verbs: editing, index: []string{"name"}, unique: []string{"name"},
			taken: "failure: secret with the same name already exists",
			props: []property{
				required(text("name")), option("service", "any", "async", "l2tp", "ovpn", "pppoe", "pptp", "sstp"),
				mac("caller-id"), {name: "password", hidden: true}, existing("profile", menuProfile, "default"),
				addressOrPool("local-address"), addressOrPool("remote-address"), text("remote-ipv6-prefix"), text("routes"),
				text("ipv6-routes"), initial(number("limit-bytes-in"), "0"), initial(number("limit-bytes-out"), "0"),
				readOnly("last-logged-out"), readOnly("last-caller-id"), readOnly("last-disconnect-reason"),
				text("comment"), flag("disabled"),
			},
		},
		{
			path: menuProfile, noun: "profile", verbs: editingPPP, index: []string{"name"}, unique: []string{"name"},
			taken: "failure: profile with the same name already exists", fixed: []string{"default", "default-encryption"},
			props: []property{
				required(text("name")), addressOrPool("local-address"), addressOrPool("remote-address"), text("bridge"),
				text("address-list"), text("incoming-filter"), text("outgoing-filter"), text("dns-server"),
				rateText("rate-limit"), text("session-timeout"), text("idle-timeout"), text("insert-queue-before"),
				text("parent-queue"), text("queue-type"), option("only-one", "default", "yes", "no"),
				option("use-encryption", "default", "yes", "no", "required"),
				option("change-tcp-mss", "default", "yes", "no"), text("on-up"), text("on-down"), text("comment"),
				{name: "default", readOnly: true, initial: "false"},
			},
			renamed: (*Router).profileRenamed, removed: (*Router).profileRemoved,
		},
		{
			path: menuActive, noun: "active session", verbs: []string{"remove"}, index: []string{"name"}, removable: true,
			baseID: 0x8000_0000,
			props: []property{
				readOnly("name"), readOnly("service"), readOnly("caller-id"), readOnly("address"),
				{name: "uptime", readOnly: true, live: func(r *Router, it *item) string { return r.since(it.session.start) }},
				readOnly("encoding"), readOnly("session-id"), readOnly("limit-bytes-in"), readOnly("limit-bytes-out"),
				readOnly("radius"), readOnly("comment"),
			},
			removed: func(r *Router, it *item) { r.hangUp(it.session, causeAdminReset) },
		},
		{
			path: menuQueue, noun: "simple queue", verbs: editing, index: []string{"name"}, unique: []string{"name"},
			taken: "failure: already have such name",
			props: []property{
				required(text("name")), required(queueTarget("target")), initial(text("parent"), "none"),
				initial(text("priority"), "8/8"), bitPair("limit-at"), bitPair("max-limit"), bitPair("burst-limit"),
				bitPair("burst-threshold"), initial(text("burst-time"), "0s/0s"), {name: "dynamic", readOnly: true, initial: "false"},
				flag("disabled"), text("comment"),
			},
		},
		{
			path: menuAddressList, noun: "address list entry", verbs: editing, index: []string{"address", "list"},
			unique: []string{"address", "list"}, taken: "failure: already have such entry", removable: true,
			props: []property{
				required(text("list")), required(addressRange("address")), readOnly("creation-time"),
				{name: "dynamic", readOnly: true, initial: "false"}, flag("disabled"), text("comment"),
			},
		},
		{
			path: menuRadius, props: []property{
				readOnly("service"), readOnly("address"), {name: "secret", hidden: true}, readOnly("authentication-port"),
				readOnly("accounting-port"), readOnly("timeout"), readOnly("require-message-auth"), readOnly("disabled"),
			},
		},
		{
			path: menuIncoming, singleton: true, props: []property{readOnly("accept"), readOnly("port")},
			custom: map[string]func(*Router, request) reply{"monitor": (*Router).monitorIncoming},
		},
		{
			path: menuAAA, singleton: true,
			props: []property{readOnly("use-radius"), readOnly("accounting"), readOnly("interim-update")},
		},
		{
			path: menuService, index: []string{"name"}, props: []property{
				readOnly("name"), readOnly("port"), readOnly("certificate"), readOnly("max-sessions"), readOnly("disabled"),
			},
		},
		{path: menuPool, index: []string{"name"}, props: []property{readOnly("name"), readOnly("ranges")}},
		{path: "/ip/firewall/filter", noun: "filter rule", verbs: editing, props: firewallRule()},
		{
			path: "/ip/firewall/nat", noun: "nat rule", verbs: editing,
			props: append(firewallRule(), text("to-addresses"), text("to-ports")),
		},
		{path: menuIdentity, singleton: true, props: []property{readOnly("name")}},
		{
			path: menuResource, singleton: true, props: []property{
				{name: "uptime", readOnly: true, live: func(r *Router, _ *item) string { return r.since(r.booted) }},
				readOnly("version"), readOnly("board-name"), readOnly("platform"), readOnly("architecture-name"),
			},
		},
	}
}

// firewallRule is what the rules of both firewall menus have in common, as far as it is kept. No rule does anything here.
func firewallRule() []property {
	return []property{
		required(text("chain")), initial(text("action"), "accept"), text("src-address-list"), text("dst-address"),
		text("protocol"), text("dst-port"), text("reject-with"), text("comment"), flag("disabled"),
	}
}

// furnish puts in what a router has before anybody configures it, and what its operator set up for the PPPoE server.
func (r *Router) furnish() {
	pool := r.firstPool
	for _, name := range []string{"default", "default-encryption"} {
		r.tables[menuProfile].insert(map[string]string{
			"name": name, "default": "true", "only-one": "default", "use-encryption": "default", "change-tcp-mss": "default",
			"local-address": r.pools[pool].gateway.String(), "remote-address": pool,
		})
	}
	for name, p := range r.pools {
		r.tables[menuPool].insert(map[string]string{"name": name, "ranges": p.prefix.String()})
	}
	service := func(name, port string, more map[string]string) {
		values := map[string]string{"name": name, "port": port, "disabled": "false"}
		if versionAtLeast(r.cfg.Version, 7, 16) {
			values["max-sessions"] = strconv.Itoa(r.cfg.MaxSessions)
		}
		maps.Copy(values, more)
		r.tables[menuService].insert(values)
	}
	service("api", portOf(r.plain.address()), nil)
	service("api-ssl", portOf(r.secure.address()), map[string]string{"certificate": "api"})
	r.tables[menuIncoming].insert(map[string]string{"accept": "true", "port": portOf(r.CoAAddr())})
	r.tables[menuIdentity].insert(map[string]string{"name": r.cfg.Identity})
	r.tables[menuResource].insert(map[string]string{
		"version": r.cfg.Version + " (stable)", "board-name": "CHR", "platform": "MikroTik", "architecture-name": "x86_64",
	})
	r.tables[menuAAA].insert(map[string]string{"interim-update": duration(r.cfg.InterimInterval)})
	r.describeRadius()
}

// describeRadius writes /radius and /ppp/aaa after the AAA addresses were set.
func (r *Router) describeRadius() {
	on := strconv.FormatBool(r.radius.used())
	aaa, servers := r.tables[menuAAA], r.tables[menuRadius]
	aaa.put(aaa.items[0], map[string]string{"use-radius": on, "accounting": strconv.FormatBool(r.radius.accounts())})
	for len(servers.items) > 0 {
		servers.delete(servers.items[0])
	}
	if !r.radius.used() {
		return
	}
	auth, acct := r.radius.addresses()
	values := map[string]string{
		"service": "ppp", "address": hostOf(auth), "authentication-port": portOf(auth), "accounting-port": portOf(acct),
		"timeout": duration(r.cfg.RadiusTimeout), "disabled": "false",
	}
	if versionAtLeast(r.cfg.Version, 7, 15) {
		values["require-message-auth"] = map[bool]string{true: "yes-for-request-resp", false: "no"}[r.cfg.requireMessageAuth()]
	}
	servers.insert(values)
}

// profileRenamed carries the secrets of a profile along; RouterOS refers to it by id.
func (r *Router) profileRenamed(it *item, old string) { r.moveSecrets(old, it.values["name"]) }

// profileRemoved leaves the secrets of a removed profile pointing at an id that no longer exists.
func (r *Router) profileRemoved(it *item) { r.moveSecrets(it.values["name"], it.ref()) }

func (r *Router) moveSecrets(from, to string) {
	secrets := r.tables[menuSecret]
	for _, it := range secrets.items {
		if it.values["profile"] == from {
			secrets.put(it, map[string]string{"profile": to})
		}
	}
}

// since writes the time that has passed since start the way RouterOS does.
func (r *Router) since(start time.Time) string { return duration(r.cfg.Clock.Now().Sub(start)) }

// duration writes d in RouterOS' form, whole seconds: 3w4d12h23m12s.
func duration(d time.Duration) string {
	seconds := int64(d / time.Second)
	if seconds <= 0 {
		return "0s"
	}
	var out strings.Builder
	for _, unit := range []struct {
		seconds int64
		name    string
	}{{604_800, "w"}, {86_400, "d"}, {3_600, "h"}, {60, "m"}, {1, "s"}} {
		if n := seconds / unit.seconds; n > 0 {
			out.WriteString(strconv.FormatInt(n, 10) + unit.name)
			seconds %= unit.seconds
		}
	}
	return out.String()
}
