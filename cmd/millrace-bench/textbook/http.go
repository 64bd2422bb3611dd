package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

func routes(commands *cqrs.CommandBus, o orders) http.Handler {
	r := chi.NewRouter()
	r.Post("/orders", func(w http.ResponseWriter, r *http.Request) {
		var create CreateOrder
		if err := json.NewDecoder(r.Body).Decode(&create); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		create.OrderID = uuid.Must(uuid.NewV7()).String()
		send(w, r, commands, &create, create.OrderID)
	})
	r.Post("/orders/{id}/submit", func(w http.ResponseWriter, r *http.Request) {
		id := chi.URLParam(r, "id")
		send(w, r, commands, &SubmitOrder{OrderID: id}, id)
	})
	r.Get("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		v, err := o.view(r.Context(), chi.URLParam(r, "id"))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			http.NotFound(w, r)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			answer(w, http.StatusOK, v)
		}
	})
	return r
}

// send answers as soon as the broker has the command.
func send(w http.ResponseWriter, r *http.Request, commands *cqrs.CommandBus, command any, id string) {
	if err := commands.Send(r.Context(), command); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	answer(w, http.StatusAccepted, map[string]string{"order_id": id})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone
}
