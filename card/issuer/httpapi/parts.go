// The routes of the service, part by part.

package httpapi

// parts registers every route. Each part has one line.
func (s *Server) parts() {
	s.healthRoutes()
	s.repositoryRoutes()
	s.documentRoutes()
	s.counterRoutes()
	s.staffRoutes()
	s.journalRoutes()
	s.reportRoutes()
}
