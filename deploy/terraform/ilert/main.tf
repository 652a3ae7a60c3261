# Users, contacts and notification preferences by ilert's provider. Only the address and the token are Watchbell's.

terraform {
  required_providers {
    ilert = {
      source  = "iLert/ilert"
      version = ">= 2.0"
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

provider "ilert" {
  endpoint  = var.watchbell_url
  api_token = var.watchbell_key
}

resource "ilert_user" "ben" {
  email      = "ben@example.org"
  first_name = "Ben"
  last_name  = "Example"
}

resource "ilert_user_email_contact" "night" {
  target = "ben-at-night@example.org"

  user {
    id = ilert_user.ben.id
  }
}

resource "ilert_user_alert_preference" "urgent" {
  type      = "HIGH_PRIORITY"
  method    = "EMAIL"
  delay_min = 5

  contact {
    id = ilert_user_email_contact.night.id
  }

  user {
    id = ilert_user.ben.id
  }
}
