package frontier

import (
	"testing"

	"github.com/intersubjective/rapprochement/engine/reconcile/full"
	"github.com/intersubjective/rapprochement/engine/reconcile/reconciletest"
)

func TestConformance(t *testing.T) { reconciletest.Run(t, Strategy{}, full.Strategy{}) }

func FuzzPayloads(f *testing.F) { reconciletest.Fuzz(f, Strategy{}) }
