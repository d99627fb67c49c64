// Package exlibris knows what the library platform Ex Libris Alma announces to
// webhook listeners: the catalogue of its actions and events, and the records
// that they carry, as Go structs.
//
// A host program that speaks for a library makes events with [New], and a
// listener reads them with [Decode]:
//
//	e, err := exlibris.New(exlibris.LoanCreated, institution, exlibris.Loan{LoanID: "6959825320004102"})
//
//	loan, err := exlibris.Decode[exlibris.Loan](e)
//
// How such an event looks on the wire is the matter of package wire, under the
// format [alma.FormatExlibris].
//
// The structs name the members that real bodies have. What they do not name is
// kept: a record that is decoded and encoded again has the same members in the
// same order, those that were not changed byte for byte (see [Record]).
//
// Nothing here is from Ex Libris. The catalogue follows their published
// documentation and bodies that libraries have published; which of it is
// inferred, each [Entry] says.
package exlibris
