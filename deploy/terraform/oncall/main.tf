# Personal notification rules by the provider for Grafana OnCall. Only the address and the token are Watchbell's.

terraform {
  required_providers {
    grafana = {
      source  = "grafana/grafana"
      version = ">= 3.0"
    }
  }
}

variable "watchbell_url" {
  type    = string
  default = "http://127.0.0.1:8080"
}

variable "watchbell_key" {
  type      = string
  sensitive = true
}

provider "grafana" {
  oncall_url          = var.watchbell_url
  oncall_access_token = var.watchbell_key
}

data "grafana_oncall_user" "anna" {
  username = "anna"
}

resource "grafana_oncall_user_notification_rule" "at_once" {
  user_id   = data.grafana_oncall_user.anna.id
  important = true
  position  = 0
  type      = "notify_by_email"
}

resource "grafana_oncall_user_notification_rule" "five_minutes" {
  user_id   = data.grafana_oncall_user.anna.id
  important = true
  position  = 1
  type      = "wait"
  duration  = 300
}

resource "grafana_oncall_user_notification_rule" "then" {
  user_id   = data.grafana_oncall_user.anna.id
  important = true
  position  = 2
  type      = "notify_by_email"
}
