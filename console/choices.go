package console

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// What people choose from, without the counts of [Service.Plans] and [Service.Routers], which are dear where there are
// many subscribers.

// Offer is a plan as it is sold.
type Offer struct {
	Name     string
	Rate     string // upload/download
	Duration Duration
	Price    Money
}

// Offers lists the plans that are sold, by name.
func (s *Service) Offers(ctx context.Context) ([]Offer, error) {
	rows, err := db.New(s.Pool).SoldPlans(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the plans that are sold: %w", err)
	}
	offers := make([]Offer, len(rows))
	for i, row := range rows {
		offers[i] = viewOffer(row)
	}
	return offers, nil
}

// Offer returns a plan, also one that is not sold any more. What is not there is a [*NotFoundError].
func (s *Service) Offer(ctx context.Context, name string) (Offer, error) {
	row, err := db.New(s.Pool).PlanByName(ctx, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return Offer{}, missing("plan %q", name)
	}
	if err != nil {
		return Offer{}, fmt.Errorf("read plan %q: %w", name, err)
	}
	return viewOffer(row), nil
}

func viewOffer(row db.Plan) Offer {
	return Offer{
		Name: row.Name, Rate: row.Rate, Duration: Duration{Count: int(row.DurationCount), Unit: account.Unit(row.DurationUnit)},
		Price: viewMoney(account.Money{Minor: row.PriceMinor, Currency: row.Currency}),
	}
}

// RouterNames lists the routers, by name.
func (s *Service) RouterNames(ctx context.Context) ([]string, error) {
	names, err := db.New(s.Pool).RouterNames(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the names of the routers: %w", err)
	}
	return names, nil
}
