package tracing

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// Attributes for which OpenTelemetry has no convention.
const (
	keyEventID    = attribute.Key("alma.event.id")
	keyEventType  = attribute.Key("alma.event.type")
	keyWebhookID  = attribute.Key("alma.webhook.id")
	keyDeliveryID = attribute.Key("alma.delivery.id")
	keyReplayID   = attribute.Key("alma.replay.id")
	keyAttempt    = attribute.Key("alma.attempt")
	keyManual     = attribute.Key("alma.manual")
)

func messaging(operation string) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKey.String("alma"),
		semconv.MessagingOperationName(operation),
	}
}

func appendAttributes(events []alma.Event) []attribute.KeyValue {
	list := append(messaging(spanAppend), semconv.MessagingOperationTypeSend)
	if len(events) != 1 {
		return append(list, semconv.MessagingBatchMessageCount(len(events)))
	}
	return append(list, semconv.MessagingMessageID(events[0].ID), keyEventID.String(events[0].ID), keyEventType.String(string(events[0].Type)))
}

func deliverAttributes(a *webhook.TracedAttempt, e *alma.EventTrace) []attribute.KeyValue {
	list := append(messaging(spanDeliver), semconv.MessagingOperationTypeProcess, semconv.MessagingMessageID(e.EventID))
	return append(append(list, eventAttributes(e)...), webhookAttributes(a, e.DeliveryID)...)
}

func attemptAttributes(a *webhook.TracedAttempt) []attribute.KeyValue {
	list := append(webhookAttributes(a, a.DeliveryID), keyAttempt.Int(a.Number))
	if a.Host != "" {
		list = append(list, semconv.HTTPRequestMethodPost, semconv.ServerAddress(a.Host), semconv.ServerPort(a.Port))
		if a.Number > 1 {
			list = append(list, semconv.HTTPRequestResendCount(a.Number-1))
		}
	}
	if len(a.Events) == 1 {
		return append(list, eventAttributes(&a.Events[0])...)
	}
	return append(list, semconv.MessagingBatchMessageCount(len(a.Events)))
}

func eventAttributes(e *alma.EventTrace) []attribute.KeyValue {
	return []attribute.KeyValue{keyEventID.String(e.EventID), keyEventType.String(string(e.EventType))}
}

func webhookAttributes(a *webhook.TracedAttempt, deliveryID string) []attribute.KeyValue {
	list := []attribute.KeyValue{keyWebhookID.String(a.WebhookID), keyDeliveryID.String(deliveryID)}
	if a.ReplayID != "" {
		list = append(list, keyReplayID.String(a.ReplayID))
	}
	if a.Manual {
		list = append(list, keyManual.Bool(true))
	}
	return list
}
