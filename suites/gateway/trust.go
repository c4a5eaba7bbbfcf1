package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"path"
)

// CAFile is the name, in [Spec.Files], of the certificate of an authority that the gateway's system is to trust, in PEM.
const CAFile = "ca.pem"

// environment is the gateway's own, and what makes the system's store of trusted certificates hold the one of CAFile alone:
// two variables that OpenSSL (openssl-env(7)) and Go (crypto/x509, SystemCertPool) read.
func (s Spec) environment(v View) (map[string]string, error) {
	env, err := s.Definition.environment(v)
	if err == nil && s.Files[CAFile] != "" {
		env["SSL_CERT_FILE"], env["SSL_CERT_DIR"] = v.CA(), path.Dir(v.CA())
	}
	return env, err
}

// tlsProfile holds fields of [tls.Config].
type tlsProfile struct {
	ServerName string `yaml:"serverName"`
	// RootCAs are the system's, and those of this file: a process reads the system's store once, so a file that is added to
	// it later is added here.
	RootCAs string `yaml:"rootCAs"`
}

func (p *tlsProfile) config(files map[string]string) (*tls.Config, error) {
	if p == nil {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's trusted certificates: %w", err)
	}
	if pem := files[p.RootCAs]; !roots.AppendCertsFromPEM([]byte(pem)) {
		return nil, fmt.Errorf("rootCAs: the file %q has no certificate", p.RootCAs)
	}
	return &tls.Config{ServerName: p.ServerName, RootCAs: roots}, nil
}
