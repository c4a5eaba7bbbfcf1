package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/moby/client"
)

// pullTimeout bounds one pull: a registry that swallows packets must not hang a run.
const pullTimeout = 5 * time.Minute

// debianOverride before a suite's name in an image override asks for a build from that suite's packages.
const debianOverride = "debian:"

var suiteName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// Image is an image that the engine has.
type Image struct {
	// Ref is the tag it was found under.
	Ref string
	// ID is the engine's id of it, sha256:...
	ID string

	binary string // the program's name, when the image's label tells
	recipe string // what it was built of, when we built it
	user   string // the account that its programs run under, as its USER says
	env    []string
}

// String is the tag and the shortened id.
func (i Image) String() string {
	_, digest, _ := strings.Cut(i.ID, ":")
	return fmt.Sprintf("%s (%.12s)", i.Ref, digest)
}

// variable is a variable of the environment that the image gives its programs.
func (i Image) variable(name string) string {
	for _, v := range i.env {
		if value, ok := strings.CutPrefix(v, name+"="); ok && name != "" {
			return value
		}
	}
	return ""
}

// NoImageError tells why none of the ways to an image led anywhere.
type NoImageError struct {
	Gateway string
	// Reasons has one error for each way that was tried, in order.
	Reasons []error
}

// Error lists the reasons.
func (e *NoImageError) Error() string {
	return fmt.Sprintf("no image for %s: %v", e.Gateway, errors.Join(e.Reasons...))
}

// Unwrap makes [ErrNoImage] and the reasons findable.
func (e *NoImageError) Unwrap() []error { return append([]error{ErrNoImage}, e.Reasons...) }

// ErrNoImage is what every [NoImageError] wraps.
var ErrNoImage = errors.New("no image")

// ErrBadReference means that an image override is not of the form of one.
var ErrBadReference = errors.New("not an image reference")

// CheckReference tells whether an image override (see [Engine.Image]) has the form of one. An empty one is good. The error
// wraps [ErrBadReference] and says what to write.
func CheckReference(override string) error {
	if suite, ok := strings.CutPrefix(override, debianOverride); ok {
		return checkSuite(suite)
	}
	if override == "" {
		return nil
	}
	if _, err := reference.ParseAnyReference(override); err != nil {
		return fmt.Errorf("%q is %w: %w; write NAME, NAME:TAG or NAME@sha256:DIGEST, such as docker.io/library/nginx:1.30, or debian:SUITE",
			override, ErrBadReference, err)
	}
	return nil
}

// checkSuite looks at what follows debian: in an override. Debian's own image goes by that name, too.
func checkSuite(suite string) error {
	if suiteName.MatchString(suite) {
		return nil
	}
	advice := "write debian:trixie"
	if image := "docker.io/library/" + debianOverride + suite; CheckReference(image) == nil {
		advice += ", or " + image + " for the image"
	}
	return fmt.Errorf("%q is %w: %q is no Debian suite's name; %s", debianOverride+suite, ErrBadReference, suite, advice)
}

// Image finds an image for a gateway: a tag that is present; else the official image, pulled; else one built from Debian
// packages. override names one way: a reference (used when present, else pulled) or debian:SUITE (built; a tag of an
// earlier build is used again). The error is a [*NoImageError] or wraps [ErrBadReference].
func (e *Engine) Image(ctx context.Context, d *Definition, override string) (Image, error) {
	if err := CheckReference(override); err != nil {
		return Image{}, fmt.Errorf("image of %s: %w", d.Name, err)
	}
	var reasons []error
	for _, step := range e.ladder(d, override) {
		image, err := step(ctx)
		if err == nil {
			return image, nil
		}
		if ctx.Err() != nil {
			return Image{}, fmt.Errorf("find an image for %s: %w", d.Name, err)
		}
		reasons = append(reasons, err)
	}
	return Image{}, &NoImageError{Gateway: d.Name, Reasons: reasons}
}

type rung func(context.Context) (Image, error)

func (e *Engine) ladder(d *Definition, override string) []rung {
	if suite, ok := strings.CutPrefix(override, debianOverride); ok {
		return []rung{e.orBuilt(d, suite)}
	}
	if override != "" {
		return []rung{e.orPulled(d, override)}
	}
	var steps []rung
	for _, ref := range d.Images {
		steps = append(steps, e.local(ref))
	}
	if len(d.Debian.Packages) > 0 {
		steps = append(steps, e.built(d, d.Debian.Suite))
	}
	for _, ref := range d.Images {
		steps = append(steps, e.pulled(d, ref))
	}
	return append(steps, e.orBuilt(d, d.Debian.Suite))
}

func (e *Engine) local(ref string) rung {
	return func(ctx context.Context) (Image, error) {
		found, err := e.docker.ImageInspect(ctx, ref)
		if err != nil {
			return Image{}, fmt.Errorf("local tag %s: %w", ref, err)
		}
		image := Image{Ref: ref, ID: found.ID}
		if found.Config != nil {
			image.binary, image.recipe = found.Config.Labels[labelBinary], found.Config.Labels[labelRecipe]
			image.user, image.env = found.Config.User, found.Config.Env
		}
		return image, nil
	}
}

// built finds the image of an earlier build. One of other packages is none: it is built again.
func (e *Engine) built(d *Definition, suite string) rung {
	return func(ctx context.Context) (Image, error) {
		image, err := e.local(debianTag(d, suite))(ctx)
		if err != nil {
			return Image{}, err
		}
		recipe, err := d.recipe()
		if err == nil && image.recipe != recipe {
			err = fmt.Errorf("local tag %s was built of other packages", image.Ref)
		}
		return image, err
	}
}

func (e *Engine) pulled(d *Definition, ref string) rung {
	return func(ctx context.Context) (Image, error) {
		e.progress(d.Name, "pulling "+ref)
		if err := e.pull(ctx, ref); err != nil {
			return Image{}, fmt.Errorf("pull %s: %w", ref, err)
		}
		return e.local(ref)(ctx)
	}
}

func (e *Engine) pull(ctx context.Context, ref string) error {
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	_, err, _ := e.builds.Do("pull "+ref, func() (any, error) {
		answer, err := e.docker.ImagePull(ctx, ref, client.ImagePullOptions{})
		if err != nil {
			return nil, err
		}
		return nil, answer.Wait(ctx)
	})
	return err
}

func (e *Engine) orPulled(d *Definition, ref string) rung {
	return func(ctx context.Context) (Image, error) {
		if image, err := e.local(ref)(ctx); err == nil {
			return image, nil
		}
		return e.pulled(d, ref)(ctx)
	}
}

func (e *Engine) orBuilt(d *Definition, suite string) rung {
	return func(ctx context.Context) (Image, error) {
		if len(d.Debian.Packages) == 0 {
			return Image{}, fmt.Errorf("build from Debian packages: %s names no packages", d.Name)
		}
		if image, err := e.built(d, suite)(ctx); err == nil {
			return image, nil
		}
		if err := e.build(ctx, d, suite); err != nil {
			return Image{}, fmt.Errorf("build from Debian packages of %s: %w", suite, err)
		}
		return e.built(d, suite)(ctx)
	}
}

// debianTag is the tag of an image built from Debian packages.
func debianTag(d *Definition, suite string) string {
	tag := "gatefault/" + d.Name + ":" + suite
	if d.variant != "" {
		tag += "-" + d.variant
	}
	return tag
}

// FindImage finds the image that the spec's profile needs; see [Engine.Image]. The error may wrap [ErrLacks]: a profile that
// needs further packages has an image of its own.
func (s Spec) FindImage(ctx context.Context) (Image, error) {
	d := s.Definition
	extra := d.Debian.Profiles[s.Profile]
	if len(extra) == 0 {
		return s.Engine.Image(ctx, d, s.Image)
	}
	if s.Image != "" && !strings.HasPrefix(s.Image, debianOverride) {
		return Image{}, fmt.Errorf("%s %w with image %s: %s needs Debian's %s; name debian:SUITE instead", d.Title, ErrLacks, s.Image,
			s.Profile, strings.Join(extra, ", "))
	}
	return s.Engine.Image(ctx, d.variantFor(s.Profile), s.Image)
}

// ImageProfiles lists one profile for each image that the gateway can need: "" for the ordinary one, and those that need
// packages of their own.
func (d *Definition) ImageProfiles() []string {
	return append([]string{""}, slices.Sorted(maps.Keys(d.Debian.Profiles))...)
}

// variantFor gives the gateway with the packages that a profile needs besides, which no official image has.
func (d *Definition) variantFor(profile string) *Definition {
	v := *d
	v.variant, v.Images = profile, nil
	v.Debian.Packages = append(slices.Clone(d.Debian.Packages), d.Debian.Profiles[profile]...)
	return &v
}
