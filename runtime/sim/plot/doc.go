// Package plot draws what simulations found: mean completion times over the load
// ([LoadFigure]), and what programs did over time ([Timeline]). Numbers go in, a file
// comes out.
//
// The ending of the file's name says how it is written: .svg, .png or .pdf. The same
// numbers give the same bytes, but for PDF, which carries the date of its making. What
// cannot be drawn is refused before the file is touched.
//
// Colours are those of Okabe and Ito and tints of them, and colour never stands alone:
// policies differ in dash and marker too, and a tool's gap in the height of its bar.
package plot
