# The standby's host.  Here a host is a directory; what a runbook sees of it, a plan, an apply, outputs, is the same with a
# cloud's machines and networks.
variable "site" {
  type = string
}

variable "directory" {
  type = string
}

resource "terraform_data" "network" {
  input = { name = "site-${var.site}" }
}

resource "terraform_data" "host" {
  input      = { directory = var.directory, network = terraform_data.network.output.name }
  depends_on = [terraform_data.network]

  provisioner "local-exec" {
    command = "mkdir -m 0700 -p '${self.input.directory}'"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "rm -rf '${self.input.directory}'"
  }
}

output "directory" {
  value = terraform_data.host.output.directory
}
