package config

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

const redisPort = "6379"

// ParseRedisURL reads the address of a Redis:
//
//	redis://user:password@host:port/database           one server; rediss:// for TLS
//	redis://:password@host,host,host/0?master=NAME     Sentinels that watch over NAME; sentinel_password= if they ask for one
//	redis://:password@host,host                        a Cluster; with one host, ?cluster=true
//
// The port is 6379 when not given. No error quotes any part of the URL: with a character of the password that is not
// %-encoded, any part may be the password. The options honour the deadline
// of a command's context; other timeouts and pool sizes are left at go-redis' defaults.
func ParseRedisURL(text string) (*redis.UniversalOptions, error) {
	u, hosts, err := splitHosts(text)
	if err != nil {
		return nil, err
	}
	password, _ := u.User.Password()
	options := &redis.UniversalOptions{
		Addrs: hosts, Username: u.User.Username(), Password: password, ContextTimeoutEnabled: true,
	}
	switch u.Scheme {
	case "redis":
	case "rediss":
		// The name to verify is filled in from each server's address.
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	default:
		return nil, errors.New("does not begin with redis:// or rediss://")
	}
	if err := redisParameters(options, u.RawQuery); err != nil {
		return nil, err
	}
	if database := strings.Trim(u.Path, "/"); database != "" {
		options.DB, err = strconv.Atoi(database)
		if err != nil || options.DB < 0 {
			return nil, errors.New("has a path that is not the number of a database")
		}
	}
	if cluster := options.IsClusterMode || len(hosts) > 1 && options.MasterName == ""; cluster && options.DB != 0 {
		return nil, errors.New("names a database, and a Cluster has only database 0; for Sentinel add ?master=NAME")
	}
	return options, nil
}

// splitHosts parses a URL that may have several hosts, which net/url does not: it sees the first one only.
func splitHosts(text string) (*url.URL, []string, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return nil, nil, errors.New("does not begin with redis:// or rediss://")
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	authority, tail := rest[:end], rest[end:]
	userinfo := ""
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		userinfo, authority = authority[:i+1], authority[i+1:]
	}
	list := strings.Split(authority, ",")
	u, err := url.Parse(scheme + "://" + userinfo + list[0] + tail)
	if err != nil {
		return nil, nil, errors.New("is no URL; is a character of the password not %-encoded?")
	}
	hosts := make([]string, 0, len(list))
	for _, host := range list {
		one, err := url.Parse("redis://" + host)
		if err != nil || one.Host != host || one.Hostname() == "" {
			return nil, nil, errors.New("has an empty or malformed host")
		}
		port := one.Port()
		if port == "" {
			port = redisPort
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return nil, nil, errors.New("has a port that is not a number up to 65535")
		}
		hosts = append(hosts, net.JoinHostPort(one.Hostname(), port))
	}
	return u, hosts, nil
}

func redisParameters(options *redis.UniversalOptions, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("has malformed parameters after the question mark")
	}
	for name := range values {
		value := values.Get(name)
		switch name {
		case "master":
			options.MasterName = value
		case "sentinel_password":
			options.SentinelPassword = value
		case "cluster":
			if value != "true" {
				return errors.New("has a parameter cluster that is not true")
			}
			options.IsClusterMode = true
		default:
			return errors.New("has an unknown parameter; master, sentinel_password and cluster are known")
		}
	}
	if options.MasterName != "" && options.IsClusterMode {
		return errors.New("asks for both a Cluster and Sentinel")
	}
	return nil
}
