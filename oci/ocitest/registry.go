package ocitest

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// RegistryServer is a registry in memory, on the loopback interface.
type RegistryServer struct {
	// Host is host:port, as references have it.
	Host string

	mu       sync.Mutex
	requests []string
}

// Registry starts a registry that ends with the test. change, if not nil, may answer a request itself: it then
// returns true.
func Registry(t testing.TB, change func(http.ResponseWriter, *http.Request) bool) *RegistryServer {
	t.Helper()
	s := &RegistryServer{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
		s.mu.Unlock()
		if change == nil || !change(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	s.Host = strings.TrimPrefix(srv.URL, "http://")
	return s
}

// Requests returns method and URI of the requests since the last call.
func (s *RegistryServer) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests
	s.requests = nil
	return r
}
