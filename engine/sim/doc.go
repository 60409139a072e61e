// Package sim is the world: many real nodes on a modelled network, under faults,
// from one seed.
//
// A [Scenario] is a text that says what exists and what happens. Compiled with
// its seed it is a [Plan]: configurations, links and timed actions, with every
// choice made. A [World] runs a plan: it gives nodes events, turns their Send
// effects into deliveries by the link model, and measures. Any other driver that
// follows the same plan and the same link model must come to the same audit
// hash; the Python package holds one.
//
// Everything is a function of the plan. Two events at one instant happen in the
// order in which they were scheduled, wakes after them by node number.
package sim
