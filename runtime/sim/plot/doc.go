// Package plot draws what simulations found: mean completion times over the load
// (LoadFigure), and programs over time (Timeline). Numbers go in, a file comes out; the
// same numbers give the same bytes.
//
// The ending of the file's name says how it is written: .svg, .png or .pdf.
package plot
