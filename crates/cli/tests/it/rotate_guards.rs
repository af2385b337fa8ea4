//! What keeps `keyholder rotate` from ending a credential that somebody needs.

use std::fs;

use crate::program::{RunningOrg, free_port, run};
use crate::rotate::{APP, ENV, held_id, ids, lets_in, rotate, world};
use crate::rotate_places::credential_add;

/// What the original's programs sign in with would end with the copy's rotation.
#[test]
fn a_copied_file_ends_nothing_of_the_first_ones_and_a_moved_one_says_so() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    let path = |name: &str| here.join(name).canonicalize().unwrap().display().to_string();
    let secret_of = |name: &str| fs::read_to_string(here.join(name)).unwrap();
    fs::copy(here.join("orders.env"), here.join("copy.env")).unwrap();
    let copy = ["--save-env", "copy.env"];
    let (old, kept) = (ids(here), secret_of("orders.env"));
    let refused = rotate(here, &[&[APP, "--yes"][..], &copy].concat()).failed(78);
    let (original, copied) = (path("orders.env"), path("copy.env"));
    for expected in [
        format!("`{copied}` holds the client secret {}", old[0]),
        format!("made for another place: `{original}`"),
        format!("`keyholder credential add {APP} --secret --save-env {copied}`"),
        format!("`keyholder rotate {APP} --save-env {copied} --replaces {}`", old[0]),
    ] {
        assert!(refused.contains(&expected), "no {expected} in {refused}");
    }
    assert_eq!((ids(here), secret_of("orders.env")), (old.clone(), kept.clone()));
    // Another one that goes instead does not make it this file's.
    credential_add(here, &["--save-env", "other.env"]);
    let other = ids(here).into_iter().find(|id| !old.contains(id)).unwrap();
    rotate(here, &[&[APP, "--yes", "--replaces", &other][..], &copy].concat()).failed(78);
    lets_in(here, "orders.env");
    lets_in(here, "other.env");
    // One of its own goes its own ways.
    credential_add(here, &["--save-env", &copied]);
    rotate(here, &[&[APP, "--yes"][..], &copy].concat()).done();
    for env in ["orders.env", "copy.env"] {
        lets_in(here, env);
    }
    assert_eq!(secret_of("orders.env"), kept);

    // The whole folder, with the id beside the file.
    fs::create_dir(here.join("moved")).unwrap();
    for name in ["orders.env", ".orders.env.place"] {
        fs::rename(here.join(name), here.join("moved").join(name)).unwrap();
    }
    let moved = [APP, "--save-env", "moved/orders.env", "--yes"];
    assert!(rotate(here, &moved).failed(78).contains(&format!("made for another place: `{original}`")));
    rotate(here, &[&moved[..], &["--replaces", &old[0], "--keep-old"]].concat()).done();
    assert!(ids(here).contains(&old[0]), "it overlaps");
    rotate(here, &moved).done();
    assert!(!ids(here).contains(&old[0]));
    lets_in(here, "moved/orders.env");
    rotate(here, &moved).done();
    lets_in(here, "moved/orders.env");
    // A link to it is no copy.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(here.join("moved"), here.join("link")).unwrap();
        rotate(here, &[APP, "--save-env", "link/orders.env", "--yes"]).done();
        lets_in(here, "moved/orders.env");
    }
}

#[test]
fn a_copied_secret_file_or_manifest_ends_nothing_of_the_first_ones() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    for (flags, file, copied) in [
        (&["--save-secret"][..], "orders.txt", "copy.txt"),
        (&["--kubernetes-secret", "prod/orders", "--save-kubernetes"], "orders.yaml", "copy.yaml"),
    ] {
        credential_add(here, &[flags, &[file]].concat());
        fs::copy(here.join(file), here.join(copied)).unwrap();
        let beside = |name: &str| here.join(format!(".{name}.place"));
        fs::copy(beside(file), beside(copied)).unwrap();
        let before = ids(here);
        let of = |file| [&[APP, "--yes"][..], flags, &[file]].concat();
        let refused = rotate(here, &of(copied)).failed(78);
        assert!(refused.contains("made for another place") && refused.contains(file), "{refused}");
        assert_eq!(ids(here), before);
        rotate(here, &of(file)).done();
    }
}

/// A run that could not revoke the old one has signed in with the new one all the same.
#[test]
fn s08_the_sign_ins_of_later_runs_from_here_are_nobody_elses() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    let wait = [&ENV[..], &["--wait-for-use", "1ms", "--yes"]].concat();
    rotate(here, &wait).failed(1);
    let new = held_id(here);
    run(here, &["org", "clock", "+3h"]).done();
    let fault = ["org", "fault", "add", "html", "--method", "POST", "--path", "*/removePassword"];
    run(here, &fault).done();
    let said = rotate(here, &[&ENV[..], &["--yes"]].concat());
    assert!(said.code() != 0 && said.err.contains("remove the client secret"), "{said:#?}");
    run(here, &["org", "fault", "clear"]).done();
    let said = rotate(here, &wait).failed(1);
    assert!(said.contains("no sign-in of somebody else's was seen"), "{said}");
    assert_eq!((ids(here).len(), held_id(here)), (2, new.clone()));
    run(here, &["org", "clock", "+20m"]).done();
    lets_in(here, "orders.env");
    rotate(here, &wait).done();
    assert_eq!(ids(here), [new]);
    assert_eq!(fs::read_dir(here.join(".keyholder/journal")).unwrap().count(), 0);
}

#[test]
fn what_an_apply_finds_in_an_overlap_it_leaves() {
    let file = "name = \"one\"\n\n[orgs.prod]\nurl = \"https://contoso.crm4.dynamics.com\"\n\n\
        [roles.orders]\nname = \"Orders\"\n\n[roles.orders.privileges]\ncontact = \"read:organization\"\n\n\
        [application-users.orders-sync]\norgs = [\"prod\"]\nroles = [\"orders\"]\n\
        credential.secret = { lifetime = \"90d\", env-file = \"orders.env\" }\n";
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("keyholder.toml"), file).unwrap();
    let port = free_port();
    let _org = RunningOrg::start(here, &["--listen", &port]);
    run(here, &["apply", "--local", "--yes"]).done();
    rotate(here, &["--all", "--keep-old", "--yes"]).done();
    assert_eq!(ids(here).len(), 2);
    assert_eq!(run(here, &["plan", "--local"]).code(), 0);
    rotate(here, &["--all", "--yes"]).done();
    assert_eq!(ids(here).len(), 1);
    lets_in(here, ".keyholder/rehearsal/orders-sync/orders.env");
}
