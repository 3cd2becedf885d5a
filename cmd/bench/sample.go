package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// sample is how long each of many things took.
type sample []time.Duration

// at returns the quantile q, such as 0.99.
func (s sample) at(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// middle returns the median of some rounds.
func middle[T float64 | time.Duration](rounds []T) T {
	sorted := slices.Sorted(slices.Values(rounds))
	return sorted[len(sorted)/2]
}

// turn is what one side came to in one round.
type turn struct {
	each sample
	took time.Duration
}

func (t turn) rate() float64 { return float64(len(t.each)) / t.took.Seconds() }

// turns are one side's rounds.
type turns []turn

func (t turns) rate() float64 {
	rates := make([]float64, len(t))
	for i, one := range t {
		rates[i] = one.rate()
	}
	return middle(rates)
}

func (t turns) at(q float64) time.Duration {
	each := make([]time.Duration, len(t))
	for i, one := range t {
		each[i] = one.each.at(q)
	}
	return middle(each)
}

// hammer has each of the workers do its thing again and again, until the time is over.
func hammer(ctx context.Context, length time.Duration, workers []func(context.Context) error) (turn, error) {
	var mu sync.Mutex
	var all turn
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for _, work := range workers {
		group.Go(func() error {
			var each sample
			for at := time.Now(); at.Sub(began) < length; {
				if err := work(ctx); err != nil {
					return err
				}
				now := time.Now()
				each = append(each, now.Sub(at))
				at = now
			}
			mu.Lock()
			defer mu.Unlock()
			all.each = append(all.each, each...)
			return nil
		})
	}
	err := group.Wait()
	all.took = time.Since(began)
	return all, err
}
