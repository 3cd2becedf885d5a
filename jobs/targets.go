package jobs

import (
	"fmt"

	"qserve/account"
	"qserve/db"
	"qserve/internal/seal"
	"qserve/router"
)

// Target opens the secrets of a router's row and returns what package router needs to drive it.
func Target(r db.Router, keys *seal.Ring) (router.Target, error) {
	t := router.Target{
		ID: r.ID, Name: r.Name, Mode: router.Mode(r.Mode), Revision: r.Revision,
		LocalAddress: r.LocalAddress, Pool: r.Pool,
		API: router.API{Address: r.APIAddress, User: r.APIUser, Plain: r.APIPlain, PinSHA256: r.APIPinSha256},
		CoA: router.CoA{
			Address:              r.CoaAddress,
			MessageAuthenticator: r.CoaMessageAuthenticator,
			EventTimestamp:       r.CoaEventTimestamp,
		},
	}
	if r.APICaPem != nil {
		t.API.CAPEM = []byte(*r.APICaPem)
	}
	if r.APIPasswordSealed != nil {
		password, err := keys.Open(r.APIPasswordSealed, db.RouterAPIPasswordRow(r.ID))
		if err != nil {
			return router.Target{}, fmt.Errorf("open the API password of router %q: %w", r.Name, err)
		}
		t.API.Password = string(password)
	}
	if r.RadiusSecretSealed != nil {
		secret, err := keys.Open(r.RadiusSecretSealed, db.RouterRadiusSecretRow(r.ID))
		if err != nil {
			return router.Target{}, fmt.Errorf("open the RADIUS secret of router %q: %w", r.Name, err)
		}
		t.CoA.Secret = string(secret)
	}
	return t, nil
}

// wantOf opens the password of a provision's row and returns what the router should hold.
func wantOf(p db.UnconfirmedProvisionsRow, keys *seal.Ring) (router.Want, error) {
	w := router.Want{
		ProvisionID: p.ID, Gen: p.WantGen, Username: p.Username,
		Line: account.Line{
			State: account.State(p.State), Rate: account.Rate(p.Rate), Pool: p.Pool, Address: p.Address, AddressList: p.AddressList,
			CredentialGen: p.CredentialGen,
		},
	}
	if w.Line.State == account.LineAbsent || p.SubscriberID == nil {
		return w, nil
	}
	password, err := keys.Open(p.PasswordSealed, db.SubscriberPasswordRow(*p.SubscriberID))
	if err != nil {
		return router.Want{}, fmt.Errorf("open the PPPoE password of subscriber %d: %w", *p.SubscriberID, err)
	}
	w.Password = string(password)
	return w, nil
}
