// Package dashboard serves pages in which people look after Alma.
//
// It is a client of the REST API, in the same process: every page is made from
// answers of the API to the session of whoever looks at it, and every form
// becomes a call of the API. So nobody sees or touches here what the API would
// not let them, faults are those of the API, and what the API records it
// records of the dashboard too.
//
// Pages are rendered by the server and work without script; the modules in
// static add what moves. Nothing is fetched from elsewhere, and nothing inline
// runs: the Content-Security-Policy forbids both.
package dashboard
