package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qserve/internal/config"
)

type redisAddress struct {
	Addrs                                   []string
	User, Password, Master, SentinelPassord string
	DB                                      int
	TLS, Cluster                            bool
}

func TestRedisURL_NamesOneServerSentinelsOrACluster(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]redisAddress{
		"redis://localhost":       {Addrs: []string{"localhost:6379"}},
		"redis://localhost:7000/": {Addrs: []string{"localhost:7000"}},
		"redis://[::1]:7000/3":    {Addrs: []string{"[::1]:7000"}, DB: 3},
		"rediss://u:p%40ss@h:1/2": {Addrs: []string{"h:1"}, User: "u", Password: "p@ss", DB: 2, TLS: true},
		"redis://:p@a,b:7000,c":   {Addrs: []string{"a:6379", "b:7000", "c:6379"}, Password: "p"},
		"redis://a?cluster=true":  {Addrs: []string{"a:6379"}, Cluster: true},
		"redis://a:1,b:2/5?master=m&sentinel_password=s": {
			Addrs: []string{"a:1", "b:2"}, DB: 5, Master: "m", SentinelPassord: "s",
		},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			o, err := config.ParseRedisURL(text)
			if err != nil {
				t.Fatal(err)
			}
			got := redisAddress{
				o.Addrs, o.Username, o.Password, o.MasterName, o.SentinelPassword, o.DB, o.TLSConfig != nil, o.IsClusterMode,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !o.ContextTimeoutEnabled {
				t.Error("the deadline of a context is not honoured")
			}
		})
	}
}

func TestUnfitRedisURL_IsRefusedWithoutQuotingIt(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "hunter2", "http://:hunter2@h", "redis://", "redis://:hunter2@", "redis://:hunter2@a,,b", "redis://:hun/ter2@h",
		"redis://:hun#ter2@h", "redis://u:123?hunter2@h", "redis://u:70000/hunter2@h", "redis://:hunter2@h/x", "redis://:hunter2@h/-1",
		"redis://:hunter2@h?db=1", "redis://:hunter2@h?cluster=yes", "redis://:hunter2@h?%zz", "redis://:hunter2%zz@h",
		"redis://:hunter2@a,b/1", "redis://:hunter2@a/1?cluster=true", "redis://:hunter2@a?cluster=true&master=m", "redis://a b",
		"redis://h:port",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			o, err := config.ParseRedisURL(text)
			if err == nil {
				t.Fatalf("read as %v", o.Addrs)
			}
			for _, part := range []string{"hunter2", "hun", "ter2", "123", "70000"} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("the error quotes the URL: %v", err)
				}
			}
		})
	}
}

func TestRedisOptions_AreTheCallersOwn(t *testing.T) {
	t.Parallel()
	c := load(t, nil)
	c.RedisOptions().PoolSize = 99
	if n := c.RedisOptions().PoolSize; n != 0 {
		t.Errorf("one caller's pool size, %d, reached another", n)
	}
}
