// Package docker holds the gateways as data: one folder a gateway, with its gateway.yaml, one template a profile and how to mend
// what a check of a configuration finds (fixes.yaml); the
// backends, likewise; and what is needed to make images: the upstream's Dockerfile and the builder of images from Debian
// packages. In ci are pipelines to be copied, and
// docker-compose.yml is the live lab in a container; no program reads them.
package docker

import "embed"

// Files is everything in this folder that a gatefault binary needs at run time.
//
//go:embed profiles.yaml */gateway.yaml */backend.yaml */fixes.yaml */*.tmpl */*.php upstream/Dockerfile debian-image.sh
var Files embed.FS
