package gateway

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/gatefault/gatefault/suites/config"
)

// Own is a gateway that is started with the configuration that its user brought, unmodified: it is copied in, and what it
// names and the user did not bring is made up.
type Own struct {
	Definition *Definition
	Config     *config.Config
	Source     config.Source
	// Env is added to the gateway's environment.
	Env   map[string]string
	Place Place
	// Engine and Network are needed in containers.
	Engine  *Engine
	Network *Network
	// Image, Binary and Program are as in [Spec].
	Image, Binary, Program string
	// Hosts are names that stand in the gateway's /etc/hosts.
	Hosts map[string]netip.Addr
	// Sockets are volumes that the gateway shares with the upstream, by their folder in the gateway's eyes.
	Sockets map[string]*Volume
	// Authority is the certificate of the authority that signs the upstream's, in PEM. It stands in for every file of role
	// [config.Authority] and is one that the system trusts.
	Authority []byte
}

// ConfigError tells that a product refuses a configuration.
type ConfigError struct {
	Product string
	// Said is the product's own message, with the user's paths in it.
	Said []string
}

// Error gives the product's own words.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("%s refuses the configuration:\n  %s", e.Product, strings.Join(e.Said, "\n  "))
}
