package main

import (
	"encoding/json"
	"strings"
)

// The records of blame --format json are those of the log, each with the layer that it is of; and layerRecord.
type (
	blamedChangeRecord struct {
		changeRecord
		Layer int `json:"layer"`
	}
	blamedEntityRecord struct {
		entityRecord
		Layer int `json:"layer"`
	}
	blamedCallRecord struct {
		callRecord
		Layer int `json:"layer"`
	}
	// layerRecord is what a layer does to the path by itself, whatever its log says; without a path it is a layer that
	// has no log.
	layerRecord struct {
		Type  string `json:"type"` // "layer"
		Path  string `json:"path,omitempty"`
		Kind  string `json:"kind,omitempty"` // write or delete
		Log   bool   `json:"log"`
		Layer int    `json:"layer"`
	}
)

// blameWriter puts records together.
type blameWriter struct {
	*blamed
	b    strings.Builder
	enc  *json.Encoder
	told map[entityOf]bool
}

// json is the answer as JSON Lines.
func (a answer) json() (string, error) {
	w := &blameWriter{blamed: a.blamed, told: map[entityOf]bool{}}
	w.enc = json.NewEncoder(&w.b)
	w.enc.SetEscapeHTML(false)
	err := a.each(func(s sight) error {
		return w.enc.Encode(layerRecord{"layer", a.path, s.does, s.logged, s.layer})
	}, w.step)
	for _, c := range a.tree {
		if err == nil {
			err = decodeTo(c.record, func(r changeRecord) error { return w.enc.Encode(blamedChangeRecord{r, c.layer}) })
		}
	}
	for _, layer := range a.unread {
		if err == nil {
			err = w.enc.Encode(layerRecord{Type: "layer", Layer: layer})
		}
	}
	return w.b.String(), err
}

// step writes one change, and each entity that it is by, with the calls of that, once.
func (w *blameWriter) step(c blamedChange, r changeRecord) error {
	if err := w.enc.Encode(blamedChangeRecord{r, c.layer}); err != nil {
		return err
	}
	for _, by := range r.By {
		e := entityOf{c.layer, by.Plugin, by.Entity}
		line, ok := w.entities[e]
		if by.Kind != "entity" || !ok || w.told[e] {
			continue
		}
		w.told[e] = true
		err := decodeTo(line, func(r entityRecord) error { return w.enc.Encode(blamedEntityRecord{r, c.layer}) })
		for _, line := range w.calls[e] {
			if err == nil {
				err = decodeTo(line, func(r callRecord) error { return w.enc.Encode(blamedCallRecord{r, c.layer}) })
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
