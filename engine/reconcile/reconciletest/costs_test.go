package reconciletest_test

import (
	"testing"

	"github.com/intersubjective/rapprochement/engine/reconcile/frontier"
	"github.com/intersubjective/rapprochement/engine/reconcile/full"
	"github.com/intersubjective/rapprochement/engine/reconcile/reconciletest"
	"github.com/intersubjective/rapprochement/engine/reconcile/riblt"
)

func TestCosts(t *testing.T) {
	reconciletest.Costs(t, full.Strategy{}, frontier.Strategy{}, riblt.Strategy{})
}
