package require Tcl 8.6
package require websocket
package require tls

::http::register https 443 [list ::tls::socket -autoservername 1 -require 1 -cafile $env(SSL_CERT_FILE)]

set payloads [dict create text {text hello} empty {text {}} binary [list binary \x00\xff] \
  long [list text [string repeat x 2000]] large [list text [string repeat x 1048576]] \
  emoji [list text "\U1f642\U1f643\U1f642"]]

proc report event { lappend ::events $event }

proc handle {sends socket type message} {
  switch $type {
    connect {
      report [expr {$message eq "" ? "open" : "open:$message"}]
      if {[dict exists $::payloads $sends]} { ::websocket::send $socket {*}[dict get $::payloads $sends] }
    }
    text - binary {
      report [expr {[list $type $message] eq [dict get $::payloads $sends] ? $type : "wrong"}]
      ::websocket::close $socket 4001 bye
    }
    close { report close:[lindex $message 0]:[lindex $message 1] }
    error {
      report [expr {[regexp {HTTP error code (\d+)} $message -> status] ? "refused:$status" : "error"}]
      set ::done 1
    }
    timeout { report error; set ::done 1 }
    disconnect { report close:; set ::done 1 }
  }
}

puts "{\"version\":\"[package present websocket]\"}"
foreach {check url sends subprotocol} $argv {
  set events {}
  set done 0
  set protocols [expr {$subprotocol eq "-" ? {} : $subprotocol}]
  set timer [after 5000 {report timeout; set done 1}]
  if {[catch {::websocket::open $url [list handle $sends] -timeout 5000 -protocol $protocols} problem]} {
    report error
  } else {
    vwait done
  }
  after cancel $timer
  puts "{\"check\":\"$check\",\"events\":\"[join $events]\"}"
  flush stdout
}
