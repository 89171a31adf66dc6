package main

import (
	"context"
	"errors"

	"github.com/bellhop-auth/bellhop/internal/config"
)

// checkLogDelivery says whether the events of pools can go where their log
// configurations point. It delivers none.
func checkLogDelivery(ctx context.Context, p *patient) []finding {
	logs, err := openLogs(p.cfg)
	if problems, ok := errors.AsType[config.Problems](err); ok {
		var all []finding
		for _, problem := range problems {
			all = append(all, failure("correct it", "%s %s", problem.Where, problem.What))
		}
		return all
	}
	if err != nil {
		return []finding{failure("see to that before a server starts", "the destinations cannot be read (%v)", err)}
	}
	var all []finding
	if logs != nil {
		for _, f := range logs.Probe(ctx) {
			if f.Err != nil {
				all = append(all, failure("see to the path and its owner, or to the network and its certificate", "%s cannot be used (%v)", f.Where, f.Err))
				continue
			}
			all = append(all, fine("%s can be used", f.Where))
		}
	}
	if p.service == nil { // pools have not been read
		return all
	}
	configured, err := p.service.LogDeliveries(ctx)
	if err != nil {
		return append(all, failure("see to the database", "the log configurations of pools cannot be read (%v)", err))
	}
	for _, d := range configured {
		switch {
		case logs == nil:
			all = append(all, warning("set --log-delivery, or take the configuration away", "pool %s sends %s to %s, and there is no file of destinations, so nothing is delivered", d.PoolID, d.Source, d.ARN))
		case !logs.Leads(d.ARN):
			all = append(all, warning("add a destination, or correct the pool's log configuration", "pool %s sends %s to %s, which no entry of %s matches, so nothing is delivered", d.PoolID, d.Source, d.ARN, logs.Path))
		case d.Failures > 0:
			all = append(all, warning("see to the destination; the events wait in the audit trail", "%s of pool %s: %s has taken nothing in %d tries", d.Source, d.PoolID, d.ARN, d.Failures))
		case d.Lost > 0:
			all = append(all, warning("keep the audit trail for longer, or see to the destination sooner", "%s of pool %s: %d events were swept before %s took them", d.Source, d.PoolID, d.Lost, d.ARN))
		}
	}
	if len(all) == 0 {
		all = append(all, fine("no pool has its events delivered"))
	}
	return all
}
