//! Clients of this tab's runs that live in other tabs: they are offered there, taken, given back, and come back by themselves when their tab
//! is closed or falls silent.

use shared::id::Incarnation;
use shared::messaging::Node;
use shared::session::real::{Birth, Input};
use shared::wire::{LifeId, TabWord};

use super::bus::Bus;
use super::host::Host;

impl Host {
    /// A word that is said to all tabs.
    pub fn tab_said(&mut self, word: TabWord) {
        match word {
            TabWord::Ask => self.buses.keys().copied().collect::<Vec<_>>().into_iter().for_each(|run| self.offer(run)),
            TabWord::Move { host, run, node, to } if host == self.tab => self.move_client(run, Node(node), &to),
            TabWord::Down(life) if life.host == self.tab => self.abroad_is_down(&life),
            TabWord::Leave { tab } => self.tab_is_gone(&tab),
            // For others.
            _ => {}
        }
    }

    /// Tells other tabs which clients of a run there are.
    pub fn offer(&self, run: u32) {
        if let Some(bus) = self.buses.get(&run).filter(|bus| bus.has_begun()) {
            self.say(&TabWord::Offer(bus.offer(&self.tab)));
        }
    }

    fn say(&self, word: &TabWord) {
        if let Some(lobby) = &self.lobby {
            lobby.say(word);
        }
    }

    fn move_client(&mut self, run: u32, node: Node, to: &str) {
        let Some(bus) = self.buses.get_mut(&run) else { return };
        let home = if to == self.tab {
            bus.homes.come_back(node);
            None
        } else if node == Node::BROKER {
            return;
        } else {
            Some(bus.homes.settle(node, to))
        };
        self.bus_hears(run, Input::Move { node, home });
        self.offer(run);
    }

    /// Whether this client is to live in another tab, which was told so.
    pub fn bear_abroad(&mut self, run: u32, birth: &Birth) -> bool {
        let bearing = self.buses.get_mut(&run).and_then(|bus| bus.bear_abroad(&self.tab, birth).ok().flatten());
        if let Some(bearing) = bearing {
            self.say(&TabWord::Bear(Box::new(bearing)));
            return true;
        }
        false
    }

    /// A life is over. If it was in another tab, that is to end it.
    pub fn end_abroad(&mut self, run: u32, node: Node, incarnation: Incarnation) {
        let life = self.buses.get_mut(&run).and_then(|bus| bus.end_abroad(&self.tab, node, incarnation));
        if let Some(life) = life {
            self.say(&TabWord::End(life));
        }
    }

    pub fn abroad_is_there(&mut self, run: u32, node: Node, incarnation: Incarnation) {
        if let Some(bus) = self.buses.get_mut(&run) {
            bus.is_there(node, incarnation);
        }
    }

    /// One in another tab has crashed; its next life begins there, too.
    fn abroad_is_down(&mut self, life: &LifeId) {
        let (node, incarnation) = (Node(life.node), life.incarnation);
        let ended = self.buses.get_mut(&life.run).and_then(|bus| bus.end_abroad(&self.tab, node, incarnation));
        if ended.is_some() {
            self.bus_hears(life.run, Input::Down { node, incarnation });
        }
    }

    /// Looks whether those in other tabs are still there.
    pub fn call_the_roll(&mut self, run: u32) {
        let late = self.buses.get_mut(&run).map(Bus::call_the_roll).unwrap_or_default();
        for (node, incarnation) in late {
            self.lose(run, node, incarnation);
        }
    }

    /// A tab is closed, and whoever lived in it comes back to this one.
    fn tab_is_gone(&mut self, tab: &str) {
        for run in self.buses.keys().copied().collect::<Vec<_>>() {
            let Some(bus) = self.buses.get(&run) else { continue };
            let alive = bus.all_abroad();
            for node in bus.homes.in_tab(tab) {
                let incarnation = alive.iter().find(|(other, _)| *other == node).map_or(0, |(_, incarnation)| *incarnation);
                self.lose(run, node, incarnation);
            }
        }
    }

    fn lose(&mut self, run: u32, node: Node, incarnation: Incarnation) {
        if let Some(bus) = self.buses.get_mut(&run) {
            bus.homes.come_back(node);
        }
        // It may be silent and not gone; then it is ended, too.
        self.end_abroad(run, node, incarnation);
        self.bus_hears(run, Input::Lost { node, incarnation });
        self.offer(run);
    }

    /// The run is over: nobody of it goes on anywhere.
    pub fn close_bus(&mut self, run: u32) {
        if let Some(bus) = self.buses.remove(&run) {
            self.say(&TabWord::Over { host: self.tab.clone(), run });
            bus.close();
        }
    }
}
