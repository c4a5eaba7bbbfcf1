// Package docker holds the gateways as data: one folder a gateway, with its gateway.yaml and one template a profile; the
// backends, likewise; and what is needed to make images: the upstream's Dockerfile and the builder of images from Debian
// packages.
package docker

import "embed"

// Files is everything in this folder that a gatefault binary needs at run time.
//
//go:embed profiles.yaml */gateway.yaml */backend.yaml */*.tmpl */*.php upstream/Dockerfile debian-image.sh
var Files embed.FS
