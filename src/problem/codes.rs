//! Every problem code, in one table: the reference page and `luigi explain`
//! are made from it.
//!
//! A code's number never changes its meaning; retired numbers are not reused.

use super::Severity;

macro_rules! codes {
    ($( $variant:ident $text:literal $severity:ident $hides:ident $title:literal $help:literal ; )*) => {
        /// What kind of fault a problem is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $( #[doc = $title] $variant, )*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Code] = &[ $( Code::$variant, )* ];

            /// The code as it stands in reports, `L` and four digits.
            pub fn as_str(self) -> &'static str {
                match self { $( Code::$variant => $text, )* }
            }
            /// One line that says what the code means.
            pub fn title(self) -> &'static str {
                match self { $( Code::$variant => $title, )* }
            }
            /// What to do about it.
            pub fn help(self) -> &'static str {
                match self { $( Code::$variant => $help, )* }
            }
            /// How much it weighs.
            pub fn severity(self) -> Severity {
                match self { $( Code::$variant => Severity::$severity, )* }
            }
            /// Whether apps may exist that nobody has seen because of it: then the
            /// affected set is not complete, and nothing is pruned.
            pub fn hides_apps(self) -> bool {
                match self { $( Code::$variant => codes!(@$hides), )* }
            }
        }
    };
    (@hides) => { true };
    (@shows) => { false };
}

codes! {
    // L01xx: files as text
    YamlSyntax "L0101" Error hides "the file is not YAML"
        "Correct the syntax at the place given; everything else in the file waits for it.";
    YamlDuplicateKey "L0102" Error hides "a mapping has the same key twice"
        "Keep one of the two: kubectl and Luigi refuse to guess which is meant.";
    YamlTooLarge "L0103" Error hides "the document is larger or deeper than is safe to read"
        "Split the file, or remove aliases that multiply.";
    NotText "L0104" Error hides "the file is not UTF-8 text"
        "Save it as UTF-8.";
    YamlAlias "L0105" Error hides "an alias names no anchor"
        "Define the anchor before the alias, in the same document.";
    YamlKey "L0106" Error hides "a mapping's key is not a scalar"
        "Kubernetes objects have text keys only.";
    YamlValue "L0107" Error hides "a value is not what its tag says, or not one that JSON can hold"
        "Correct the value or remove its tag; kubectl refuses it too.";
    // L02xx: luigi.yaml
    ConfigMissing "L0201" Note shows "there is no luigi.yaml; Luigi uses what `luigi init` would write"
        "Run `luigi init`, look at the file and commit it; deploying needs it.";
    ConfigKey "L0202" Error shows "luigi.yaml has a key that does not exist"
        "Remove it or correct its spelling; docs/luigi.schema.json lists every key.";
    ConfigValue "L0203" Error shows "a value in luigi.yaml is not of the right form"
        "See docs/luigi.schema.json for the form.";
    ConfigUnsupported "L0204" Error shows "luigi.yaml asks for something this version does not do"
        "Remove the key, or use a version that does it; Luigi never ignores a key.";
    ConfigAfter "L0205" Error shows "the environments' `after` is not an order"
        "Name environments that exist, without a circle.";
    ConfigNoMatch "L0206" Error hides "an entry of `apps` matches nothing"
        "Correct the path or pattern; an empty match is never read as 'no apps'.";
    ConfigIdentity "L0207" Error shows "the parts of `identity` do not fit together"
        "Name issuers that are listed, and members that their tokens can be.";
    // L03xx: children
    AppField "L0301" Error hides "a child's definition lacks a field or has one of the wrong form"
        "Correct the field; the format's own documentation names it.";
    AppName "L0302" Error hides "a child's name cannot be used"
        "Use letters, digits, '-', '.' and '_'.";
    AppDuplicate "L0303" Error hides "two documents define the same app"
        "Rename or remove one; Luigi will not choose between them.";
    AppKind "L0304" Warning hides "a kind that defines apps is not supported yet"
        "Its children are not seen, so the affected set is not complete.";
    NeedUnknown "L0305" Error shows "a need names no app"
        "Correct the name, or add the app; a need that names nothing is not a missing edge.";
    NeedAmbiguous "L0306" Error shows "a need names several apps"
        "Write it as kind/namespace/name.";
    NeedCycle "L0307" Error shows "apps need one another in a circle"
        "Remove one of the edges named.";
    ParentCycle "L0308" Error hides "apps define one another in a circle"
        "An app may not be defined by its own content.";
    ParentTooDeep "L0309" Error hides "apps define apps more deeply, or more of them, than is bounded"
        "Flatten the tree of parents.";
    ParentNotRendered "L0310" Error hides "a parent could not be rendered, so its children are not seen"
        "Mend the render; until then the affected set is not complete.";
    ProjectIgnored "L0311" Warning shows "an AppProject is not enforced yet"
        "Its limits are not checked by this version.";
    KindUnsupported "L0312" Warning hides "an ApplicationSet is not expanded yet"
        "Its children are not seen, so the affected set is not complete.";
    DocumentTemplated "L0313" Error hides "a definition holds template text that nothing renders"
        "Point `apps` at the chart or kustomization that renders it.";
    LinkedFolder "L0314" Warning hides "a pattern of `apps` would enter a folder through a link"
        "Name the folder itself: links are not entered, so what they hold is not seen.";
    // L04xx: sources and content
    SourceUnknown "L0401" Error shows "a source cannot be found"
        "Define the source, or correct its name.";
    SourceAssumed "L0402" Note shows "which repository children mean was inferred"
        "Set `urls` in luigi.yaml to say it.";
    PathMissing "L0403" Error shows "a path does not exist at this commit"
        "Correct the path, or commit the files.";
    PathEscapes "L0404" Error shows "a path leaves the repository"
        "Keep every path inside; nothing outside is read.";
    LinkEscapes "L0405" Error shows "a symbolic link leaves the repository, or goes in a circle"
        "Replace it with the file, or point it inside.";
    ContentUnknown "L0406" Warning shows "an input cannot be followed, so the app counts as affected"
        "Nothing to do, unless you can replace what cannot be followed.";
    ContentInvalid "L0407" Error shows "a kustomization.yaml or Chart.yaml is not valid"
        "Correct it at the place given.";
    Floating "L0408" Warning shows "an input is not pinned: it may differ between runs"
        "Pin it to an exact version, tag or commit.";
    NotRendered "L0409" Warning shows "an input that is not here cannot be had, so the app is compared by its files"
        "Nothing is dropped as touched; deploying this app is refused until it can be rendered.";
    PinMissing "L0410" Warning shows "a pinned revision cannot be had"
        "Fetch the tag or commit, or correct the pin.";
    ContentCycle "L0411" Error shows "kustomizations or charts include one another in a circle"
        "Remove one of the includes named.";
    // L05xx: rendering
    ToolMissing "L0501" Error shows "a render tool is not installed"
        "Install it, or put it beside luigi; `luigi doctor` shows where Luigi looks.";
    RenderFailed "L0502" Error shows "an app could not be rendered"
        "Mend what the tool says.";
    RenderRefused "L0503" Error shows "an app's content is not rendered because it is not safe"
        "Remove what is named: remote entries, plugins, functions and links that leave are never run.";
    RenderLimit "L0504" Error shows "rendering took more time, memory or output than is allowed"
        "Make the content smaller.";
    ObjectInvalid "L0505" Error shows "a rendered document is not a Kubernetes object"
        "Every object needs apiVersion, kind and metadata.name.";
    ObjectDuplicate "L0506" Warning shows "an app renders the same object twice"
        "Remove one of the two.";
    // L06xx: base, head, git
    BaseMissing "L0601" Error shows "the base commit cannot be had, so everything is affected and nothing is pruned"
        "Fetch it (`fetch-depth: 0`), or name another with --base.";
    Uncommitted "L0602" Warning shows "what is not committed is not read"
        "Commit it first.";
    NotProtected "L0603" Note shows "the authority commit is not protected: this ran on a terminal"
        "In CI the authority is a protected branch.";
    NoRemote "L0604" Note shows "there is no remote; compare-and-swap works on the local branch only"
        "Add a remote, so that other runs are excluded too.";
    BranchNotAsked "L0605" Warning shows "a branch could not be asked for, so what was last seen of it counts"
        "Let the job read the repository: `contents: read`, and the checkout's token kept.";
    // L07xx: decisions
    DeleteUnconfirmed "L0701" Error shows "deletes need to be confirmed"
        "Look at them, then run again with `--confirm` and the plan's digest.";
    PlanDiffers "L0702" Error shows "the plan is not the one that was confirmed"
        "Look at the plan again, and confirm its digest.";
    SecretInLedger "L0703" Error shows "a plaintext Secret would be written to the ledger"
        "Use a sealed, SOPS-encrypted or external secret.";
    NotPromoted "L0704" Error shows "the environment it comes after does not have this commit"
        "Deploy there first.";
    DeployNotRendered "L0705" Error shows "an app that is not rendered cannot be deployed"
        "Make its inputs available, or deploy the others with --app.";
    PruneRefused "L0706" Error shows "nothing is pruned while the catalog is not complete"
        "Mend the problems that hide apps.";
    ConfigUncommitted "L0707" Error shows "deploying needs a committed luigi.yaml"
        "Run `luigi init`, look at the file and commit it.";
    AppBroken "L0708" Error shows "an app with problems cannot be deployed"
        "Mend its problems, or deploy the others with --app.";
    NeedNotDeployed "L0709" Error shows "an app that is needed is not deployed"
        "Deploy it first, or select it too.";
    EmptyUnproved "L0710" Error shows "nothing seems to differ, and that cannot be proved"
        "Mend the problems that hide apps; what cannot be proved is never reported as nothing to do.";
    // L08xx: ledger
    LedgerForeign "L0801" Error shows "the branch is not a Luigi ledger"
        "Name another branch in `ledger.branch`.";
    LedgerBroken "L0802" Error shows "the ledger's chain is broken"
        "Find out who changed it; `luigi verify` names the place.";
    LedgerSequence "L0803" Error shows "the ledger lacks an entry"
        "Find out who removed it; `luigi verify` names the place.";
    LedgerState "L0804" Error shows "what the ledger says is deployed does not match its records"
        "Find out who changed it; `luigi verify` names the place.";
    LedgerOpen "L0805" Warning shows "an intent has no outcome"
        "A run is under way, or it died: then the next deploy of the environment ends it.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        let texts: Vec<&str> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert!(texts.windows(2).all(|w| w[0] < w[1]), "{texts:?}");
    }
}
