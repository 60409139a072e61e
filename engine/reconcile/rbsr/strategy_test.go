package rbsr

import (
	"testing"

	"github.com/intersubjective/rapprochement/engine/reconcile/full"
	"github.com/intersubjective/rapprochement/engine/reconcile/reconciletest"
)

func TestConformance(t *testing.T) { reconciletest.Run(t, Strategy{}, full.Strategy{}) }

func TestConformanceCompatible(t *testing.T) { reconciletest.Run(t, Compatible{}, full.Strategy{}) }

func FuzzPayloads(f *testing.F) { reconciletest.Fuzz(f, Strategy{}) }

func FuzzPayloadsCompatible(f *testing.F) { reconciletest.Fuzz(f, Compatible{}) }
