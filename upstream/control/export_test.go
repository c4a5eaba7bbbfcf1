package control

import "github.com/gorilla/mux"

// Router gives the routes to the tests.
func (s *Server) Router() *mux.Router { return s.api.router }

// DecodePlan reads a plan as the API does.
func DecodePlan(b []byte, plan any) error { return decodeStrict(b, plan) }
