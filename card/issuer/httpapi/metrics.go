// What is counted, for Prometheus: by the patterns of routes, never by what is in an address.

package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

type metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	open        prometheus.Gauge
	budgets     *prometheus.CounterVec
	credentials *prometheus.CounterVec
	connections *prometheus.CounterVec
	refreshes   *prometheus.CounterVec
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sceau_http_requests_total", Help: "Requests answered."}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "sceau_http_request_seconds", Help: "Time from the first handler to the last byte.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30}}, []string{"method", "route"}),
		open:        prometheus.NewGauge(prometheus.GaugeOpts{Name: "sceau_http_requests_open", Help: "Requests under way."}),
		budgets:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sceau_http_budget_refusals_total", Help: "Requests refused because a budget was used up."}, []string{"budget"}),
		credentials: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sceau_http_credential_refusals_total", Help: "Credentials that were not believed."}, []string{"code"}),
		connections: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sceau_http_connections_refused_total", Help: "Connections ended for want of room."}, []string{"why"}),
		refreshes:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sceau_repository_refreshes_total", Help: "Looks for a new publication."}, []string{"result"}),
	}
	published := func(of func(*edition) float64) func() float64 {
		return func() float64 {
			if e := s.files.now.Load(); e != nil {
				return of(e)
			}
			return 0
		}
	}
	m.registry.MustRegister(m.requests, m.seconds, m.open, m.budgets, m.credentials, m.connections, m.refreshes,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sceau_publication_version", Help: "Version of the published files that are served."},
			published(func(e *edition) float64 { return float64(e.version) })),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sceau_publication_timestamp_seconds", Help: "When those files were published; 0 for none."},
			published(func(e *edition) float64 { return float64(e.at.Unix()) })),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sceau_repository_bytes", Help: "Memory of those files and their compressed forms."},
			published(func(e *edition) float64 { return float64(e.bytes) })),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) underWay(by float64)     { m.open.Add(by) }
func (m *metrics) refused(budget string)   { m.budgets.WithLabelValues(budget).Inc() }
func (m *metrics) unbelieved(code string)  { m.credentials.WithLabelValues(code).Inc() }
func (m *metrics) turnedAway(why string)   { m.connections.WithLabelValues(why).Inc() }
func (m *metrics) refreshed(result string) { m.refreshes.WithLabelValues(result).Inc() }
func (m *metrics) answered(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(method, route).Observe(took.Seconds())
}

// Registry is where the program registers what it counts beside the server.
func (s *Server) Registry() *prometheus.Registry { return s.metrics.registry }

// Admin is the handler of the administrators' listener, which nobody else may reach: it asks for no credential.
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: defaultPatience}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { s.healthz(w, r, Principal{}) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { s.readyz(w, r, Principal{}) })
	return http.MaxBytesHandler(mux, 0)
}
