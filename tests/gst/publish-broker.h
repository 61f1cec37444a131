/* SPDX-License-Identifier: MIT */
/* A real Mosquitto broker of a test's own on a free port, and another client of it that listens. */
#ifndef TEST_PUBLISH_BROKER_H
#define TEST_PUBLISH_BROKER_H

#include <gio/gio.h>
#include <gst/check/gstharness.h>
#include <mosquitto.h>

G_BEGIN_DECLS

/* Begins a test program for broker_test_run (). FALSE: there is no broker, which it has said. */
gboolean broker_test_init (int *argc, char ***argv);
/* Runs the tests. The exit status is not 0 either if an object outlived them. */
int broker_test_run (void);

typedef struct {
  char *folder, *config;
  guint16 port;
  GSubprocess *process;
} Broker;

/* Starts a broker that stores its clients and topics, so that they survive a kill. `lines`: more
 * lines of its configuration. */
Broker *broker_new (const char *lines);
void broker_free (Broker *self);
/* Kills the broker with kill -9, and starts it again. */
void broker_kill (Broker *self);
void broker_start (Broker *self);
/* Suspends the broker, and waits until it is stopped. */
void broker_freeze (Broker *self);

/* The broker's retained message of a topic, or NULL. Free with g_free (). */
char *broker_kept (const Broker *broker, const char *topic);
void broker_assert_kept (const Broker *broker, const char *topic, const char *expected);
void broker_wait_kept (const Broker *broker, const char *topic, const char *expected);

/* A harness around a `cowpublish` that publishes there, see publish-support.h. */
GstHarness *broker_harness_new (const Broker *broker, const char *properties);

typedef struct {
  struct mosquitto *client;
  GMutex lock;
  GPtrArray *topics, *texts; /* in the order of arrival */
  GArray *retained;          /* of gboolean */
  gint ready;                /* atomic: subscribed */
} Listener;

/* Subscribes to everything. With an `id` it also receives what was published while it, or the
 * broker, was away. */
Listener *listener_new (const Broker *broker, const char *id, const char *user,
                        const char *password);
void listener_free (Listener *self);
/* The texts that came to a topic so far; free with g_strfreev (). A killed broker may send a text
 * to this client again because it had not noted the delivery; then it counts once. */
char **listener_heard (Listener *self, const char *topic);
/* The same, once there are n. */
char **listener_wait_heard (Listener *self, const char *topic, guint n);
/* Waits for these texts and asserts that they, in this order, and no others came to the topic. */
void listener_assert_heard (Listener *self, const char *topic, ...) G_GNUC_NULL_TERMINATED;

G_END_DECLS

#endif
