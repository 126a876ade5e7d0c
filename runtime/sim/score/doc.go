// Package score says how well lengths of gaps are predicted, on gaps that the
// predictor has not seen.
//
//	workload.Set ──Timeline──▶ gaps begin and end ──Play──▶ each predictor forecasts
//	                                                        when a gap begins, and
//	                                                        learns when it ends
//	                                                             │
//	                     mean scores, ± by resampling programs ◀─┘
//
// [Online] learns from nothing, and all gaps count. [Unseen] learns from four fifths
// of the programs, picked by the hash of their ID, and the gaps of the others count;
// predictors go on learning from these too, behind each forecast, as they would where
// they serve.
//
// # Scores
//
// The log score is −ln of the forecast's density of ln t at the length t that came, in
// nats: a forecast that gives what comes twice the density is better by 0.69. The
// density is taken in bins, eight to the decade from 1 ms to 10⁶ s, the same for all.
// The CRPS is ∫ (F(x) − [x ≥ t])² dx, in seconds: the mean absolute error of a
// forecast that is a distribution. It is the long gaps that decide it.
//
// # Baselines
//
// All know a person's gap from a tool's, and take either as a log-normal prior until
// there is more, worth five samples: so no length has the density 0.
//
//	one histogram  of all gaps
//	per tool       a histogram for each tool and class
//	log-normal     of the mean and the variance of all logarithms
//	Continuum      the tool's histogram from its 100th sample on, before that the one
//	               of all, and an exponential with the mean 1 s before the 100th of these
//	               (arXiv 2511.02230)
package score
